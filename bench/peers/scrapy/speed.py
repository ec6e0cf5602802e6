"""The speed job for Scrapy: every page of a site, every item of every page.

Usage: python speed.py URL FOLDER [job]

The asyncio reactor, which is the default, and in Scrapy's favour: no delay, no
throttle, no robots.txt, no cookies, no telnet console, no referers, no retry
statistics in the log, and 64 requests at a time; the feed writes JSON Lines.
With "job" the crawl has a JOBDIR.
"""

import sys

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
            }
        for href in response.css("ul.nav a::attr(href)").getall():
            yield scrapy.Request(response.urljoin(href))


def main(site, folder, *more):
    settings = {
        "FEEDS": {f"{folder}/items.jsonl": {"format": "jsonlines"}},
        "CONCURRENT_REQUESTS": 64,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 64,
        "DOWNLOAD_DELAY": 0,
        "ROBOTSTXT_OBEY": False,
        "COOKIES_ENABLED": False,
        "REFERER_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "LOG_LEVEL": "WARNING",
    }
    if "job" in more:
        settings["JOBDIR"] = f"{folder}/job"
    process = CrawlerProcess(settings)
    process.crawl(Quotes, site=site)
    process.start()
    if process.bootstrap_failed:
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
