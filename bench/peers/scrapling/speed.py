"""The speed job for Scrapling: every page of a site, every item of every page.

Usage: python speed.py URL FOLDER [job]

Its spider with its HTTP session, and in Scrapling's favour: the faster event
loop that it offers, no browser headers to make up, quiet logs, 64 requests at a
time, and items written by its own export at the end. With "job" the crawl has a
crawldir, with checkpoints as often as by default.
"""

import logging
import sys

from scrapling.fetchers import FetcherSession
from scrapling.spiders import Request, Spider


class Quotes(Spider):
    name = "quotes"
    concurrent_requests = 64
    logging_level = logging.WARNING

    def __init__(self, site, crawldir):
        self.start_urls = [site]
        super().__init__(crawldir=crawldir)

    def configure_sessions(self, manager):
        manager.add("default", FetcherSession(impersonate=None, stealthy_headers=False))

    async def parse(self, response):
        for quote in response.css("div.quote"):
            yield {
                "text": quote.css("span.text::text").get(),
                "author": quote.css("small.author::text").get(),
            }
        for href in response.css("ul.nav a::attr(href)").getall():
            yield Request(response.urljoin(href))


def main(site, folder, *more):
    logging.getLogger("scrapling").setLevel(logging.WARNING)
    spider = Quotes(site, f"{folder}/crawl" if "job" in more else None)
    spider.start(use_uvloop=True).items.to_jsonl(f"{folder}/items.jsonl")


if __name__ == "__main__":
    main(*sys.argv[1:])
