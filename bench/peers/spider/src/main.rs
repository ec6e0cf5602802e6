//! The speed job for spider: every page of a site, every item of every page.
//!
//!     speed URL FOLDER
//!
//! A crawl with a subscription, as its documentation shows, and the scraper
//! crate for the items. In spider's favour: no robots.txt, no delay, and a
//! channel as deep as the largest site, since one that is full drops pages.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use scraper::{Html, Selector};
use serde::Serialize;
use spider::page::Page;
use spider::tokio;
use spider::tokio::sync::broadcast::{error::RecvError, Receiver};
use spider::website::Website;

const CONCURRENCY: usize = 64;
const DEPTH: usize = 1 << 15;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Serialize)]
struct Item {
    text: String,
    author: String,
}

/// keep writes the items of every page that comes.
async fn keep(mut pages: Receiver<Page>, file: File) -> Result<(), Failure> {
    let quote = Selector::parse("div.quote").map_err(|e| e.to_string())?;
    let text = Selector::parse("span.text").map_err(|e| e.to_string())?;
    let author = Selector::parse("small.author").map_err(|e| e.to_string())?;
    let mut out = BufWriter::new(file);
    loop {
        let page = match pages.recv().await {
            Ok(page) => page,
            Err(RecvError::Closed) => break,
            Err(RecvError::Lagged(n)) => {
                eprintln!("error: {n} pages dropped by the channel");
                continue;
            }
        };
        let document = Html::parse_document(&page.get_html_cow());
        for q in document.select(&quote) {
            let field = |s| q.select(s).next().map(|e| e.text().collect()).unwrap_or_default();
            serde_json::to_writer(&mut out, &Item { text: field(&text), author: field(&author) })?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(folder)) = (args.next(), args.next()) else {
        return Err("usage: speed URL FOLDER".into());
    };
    let mut website = Website::new(&url);
    website
        .with_respect_robots_txt(false)
        .with_delay(0)
        .with_user_agent(Some("speed"))
        .with_concurrency_limit(Some(CONCURRENCY));
    if args.next().as_deref() == Some("hosts") {
        website.with_external_domains(Some(["*".to_string()].into_iter()));
    }
    let pages = website.subscribe(DEPTH);
    let kept = tokio::spawn(keep(pages, File::create(Path::new(&folder).join("items.jsonl"))?));
    website.crawl().await;
    website.unsubscribe();
    drop(website);
    kept.await?
}
