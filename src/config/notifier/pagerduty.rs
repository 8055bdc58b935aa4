//! `:pagerduty`: Events API v2.

use std::path::PathBuf;

use super::severities::{self, PAGERDUTY};
use super::{Entries, Entry, PLACEHOLDER, catalogue, keep_url, report_clear};
use crate::config::context::Context;
use crate::config::{listener, url, values};
use crate::edn::Form;
use crate::plan::{PagerDuty, Secret, Severities, Url, Via};

/// What the map says.
#[derive(Default)]
struct Options {
    url: Option<Url>,
    region: Option<Region>,
    routing_key: Option<Secret>,
    severities: Severities,
    client: Option<String>,
    client_url: Option<Url>,
    ca: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Region {
    #[default]
    Us,
    Eu,
}

/// Alphabetical.
const OPTIONS: [Entry<Options>; 7] = [
    Entry { name: "ca", read: |options, form, context| options.ca = listener::path(form, "ca", context) },
    Entry { name: "client", read: client },
    Entry {
        name: "client-url",
        read: |options, form, context| options.client_url = url::read(form, "`:client-url`", context),
    },
    Entry { name: "region", read: region },
    Entry { name: "routing-key", read: routing_key },
    Entry {
        name: "severities",
        read: |options, form, context| options.severities = severities::read(form, true, context),
    },
    Entry { name: "url", read: address },
];

const OTHER_WORDS: [(&str, &str); 13] = [
    ("ca-cert", "ca"),
    ("name", "client"),
    ("link", "client-url"),
    ("site", "region"),
    ("api-key", "routing-key"),
    ("integration-key", "routing-key"),
    ("key", "routing-key"),
    ("service-key", "routing-key"),
    ("token", "routing-key"),
    ("severity", "severities"),
    ("severity-map", "severities"),
    ("endpoint", "url"),
    ("uri", "url"),
];

/// How many characters a routing key has.
const KEY: usize = 32;

const EXAMPLE: &str = "`{:type :pagerduty :routing-key #env \"PAGERDUTY_KEY\"}`";

pub(super) fn has(name: &str) -> bool {
    OPTIONS.iter().any(|option| option.name == name)
}

pub(super) fn read(entries: &Entries, context: &mut Context) -> Via {
    let mut options = Options::default();
    let seen = entries.read(&OPTIONS, &OTHER_WORDS, &["routing-key", "url"], &mut options, context);
    entries.require(&seen, &["routing-key"], EXAMPLE, context);
    if let (Some(url), Some(region)) = (seen.place("url"), seen.place("region")) {
        context.report(catalogue::url_and_region(url, region));
    }
    let usual = match options.region.unwrap_or_default() {
        Region::Us => "https://events.pagerduty.com/v2/enqueue",
        Region::Eu => "https://events.eu.pagerduty.com/v2/enqueue",
    };
    let mut severities = options.severities;
    // Its own words mean themselves, unless something else is said.
    for (word, meaning) in PAGERDUTY {
        if severities.of(word).is_none() {
            severities.0.push((word.to_string(), meaning.to_string()));
        }
    }
    severities.0.sort();
    let url = options.url.unwrap_or_else(|| Url(usual.to_string()));
    report_clear(seen.place("url"), &url, "the routing key goes", context);
    Via::PagerDuty(PagerDuty {
        url,
        routing_key: options.routing_key.unwrap_or_else(|| Secret("0".repeat(KEY))),
        severities,
        client: options.client,
        client_url: options.client_url.map(|url| url.0),
        ca: options.ca,
    })
}

fn address(options: &mut Options, form: &Form, context: &mut Context) {
    let mut url = Url(PLACEHOLDER.to_string());
    keep_url(&mut url, form, context);
    options.url = Some(url);
}

fn client(options: &mut Options, form: &Form, context: &mut Context) {
    options.client = values::words(form, "`:client`", context).map(|text| text.text);
}

fn region(options: &mut Options, form: &Form, context: &mut Context) {
    let choices = [("us", Region::Us), ("eu", Region::Eu)];
    let other_words = [("usa", "us"), ("united-states", "us"), ("europe", "eu"), ("de", "eu")];
    options.region = values::choice(form, "`:region`", &choices, &other_words, context);
}

fn routing_key(options: &mut Options, form: &Form, context: &mut Context) {
    let Some(text) = values::secret(form, "`:routing-key`", context) else { return };
    let length = text.text.chars().count();
    if length != KEY || !text.text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return context.report(catalogue::no_routing_key(form.span, KEY, length));
    }
    if values::in_clear(form).is_some() {
        context.report(catalogue::secret_in_file(form.span, "routing-key", "PAGERDUTY_KEY"));
    }
    options.routing_key = Some(Secret(text.text));
}
