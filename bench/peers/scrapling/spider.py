"""The job for Scrapling: every page of one site, every quote of every page.

Usage: python spider.py URL FOLDER

A crawldir, as the documentation recommends, with choices in Scrapling's favour:
a checkpoint every second instead of every five minutes, of which a crawl as
short as this one would see none; and each item is appended to a file and
flushed in on_scraped_item, since the result of a resumed run holds only the
items of that run.
"""

import json
import sys
from urllib.parse import urlsplit

from scrapling.fetchers import FetcherSession
from scrapling.spiders import Request, Spider


class Quotes(Spider):
    name = "quotes"
    concurrent_requests = 8
    logging_level = 20  # INFO

    def __init__(self, site, folder):
        self.start_urls = [site]
        self.site = urlsplit(site).netloc
        self.file = open(f"{folder}/items.jsonl", "a", encoding="utf-8")
        super().__init__(crawldir=f"{folder}/crawl", interval=1.0)

    def configure_sessions(self, manager):
        manager.add("default", FetcherSession())

    async def parse(self, response):
        for quote in response.css("div.quote"):
            yield {
                "text": quote.css("span.text::text").get(),
                "author": quote.css("small.author::text").get(),
                "tags": quote.css("a.tag::text").getall(),
            }
        for href in response.css("ul a::attr(href)").getall():
            try:
                url = response.urljoin(href)
                inside = urlsplit(url).netloc == self.site
            except ValueError:
                continue
            if inside:
                yield Request(url)

    async def on_scraped_item(self, item):
        self.file.write(json.dumps(item, ensure_ascii=False) + "\n")
        self.file.flush()
        return item


def main(site, folder):
    result = Quotes(site, folder).start()
    print("said: paused" if result.paused else "said: finished", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
