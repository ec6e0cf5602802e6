// The speed job for Crawlee: every page of a site, every item of every page.
//
//     node speed.mjs URL FOLDER
//
// A CheerioCrawler with enqueueLinks, as its documentation shows, and in
// Crawlee's favour: nothing stored on disk but the items, 64 requests at a time
// from the start and whatever the load, no session pool, no cookies, no browser
// headers to make up, memory as it likes, quiet logs, and items streamed into a
// file instead of a data set that is exported at the end.
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { CheerioCrawler, Configuration, LogLevel, log } from '@crawlee/cheerio';

const concurrency = 64;
const [url, folder] = process.argv.slice(2);
const out = createWriteStream(`${folder}/items.jsonl`);
log.setLevel(LogLevel.WARNING);

const crawler = new CheerioCrawler({
    minConcurrency: concurrency,
    maxConcurrency: concurrency,
    useSessionPool: false,
    persistCookiesPerSession: false,
    preNavigationHooks: [(_, options) => { options.useHeaderGenerator = false; }],
    async requestHandler({ $, enqueueLinks }) {
        let lines = '';
        $('div.quote').each((_, quote) => {
            lines += JSON.stringify({
                text: $(quote).find('span.text').text(),
                author: $(quote).find('small.author').text(),
            }) + '\n';
        });
        out.write(lines);
        await enqueueLinks({ selector: 'ul.nav a', strategy: 'all' });
    },
}, new Configuration({ persistStorage: false, memoryMbytes: 8192, availableMemoryRatio: 1 }));

await crawler.run([url]);
out.end();
await once(out, 'finish');
