"""The job for Scrapy: every page of one site, every quote of every page.

Usage: python spider.py URL FOLDER [SETTING=VALUE ...]

What the documentation recommends for crawls that are to be resumed: a JOBDIR,
and a JSON Lines feed that is appended to. Two choices in Scrapy's favour:
the start request is filtered like any other, so that a resumed crawl does not
fetch the front page again and yield its items twice; and there is neither delay
nor throttle. The documentation promises a resume after a clean stop only; a
setting switches on the SQLite queues, which an unclean one is said not to
corrupt.
"""

import sys
from urllib.parse import urlsplit

import scrapy
from scrapy.crawler import CrawlerProcess


class Quotes(scrapy.Spider):
    name = "quotes"

    async def start(self):
        yield scrapy.Request(self.site)

    def parse(self, response):
        for quote in response.css("div.quote"):
            yield {
                "text": quote.css("span.text::text").get(),
                "author": quote.css("small.author::text").get(),
                "tags": quote.css("a.tag::text").getall(),
            }
        for href in response.css("ul a::attr(href)").getall():
            try:
                url = response.urljoin(href)
                inside = urlsplit(url).netloc == urlsplit(self.site).netloc
            except ValueError:
                continue
            if inside:
                yield scrapy.Request(url)


def main(site, folder, *more):
    settings = {
        "JOBDIR": f"{folder}/job",
        "FEEDS": {f"{folder}/items.jsonl": {"format": "jsonlines", "overwrite": False}},
        "CONCURRENT_REQUESTS": 8,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
        "DOWNLOAD_DELAY": 0,
        "ROBOTSTXT_OBEY": False,
        "TELNETCONSOLE_ENABLED": False,
        "LOG_LEVEL": "INFO",
    }
    settings.update(pair.split("=", 1) for pair in more)
    process = CrawlerProcess(settings)
    process.crawl(Quotes, site=site)
    process.start()
    if process.bootstrap_failed:
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
