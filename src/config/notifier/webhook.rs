//! `:webhook`: a POST of JSON, signed as Standard Webhooks says.

use std::ops::RangeInclusive;

use super::{Entries, Entry, PLACEHOLDER, catalogue, headers, keep_url, report_clear};
use crate::config::context::Context;
use crate::config::{listener, values};
use crate::edn::{Form, Kind};
use crate::plan::{Headers, Key, Url, Via, Webhook};

/// Alphabetical.
const OPTIONS: [Entry<Webhook>; 4] = [
    Entry { name: "ca", read: |webhook, form, context| webhook.ca = listener::path(form, "ca", context) },
    Entry { name: "headers", read: |webhook, form, context| webhook.headers = headers::read(form, context) },
    Entry { name: "secret", read: secret },
    Entry { name: "url", read: |webhook, form, context| keep_url(&mut webhook.url, form, context) },
];

const OTHER_WORDS: [(&str, &str); 15] = [
    ("ca-cert", "ca"),
    ("ca-file", "ca"),
    ("cacert", "ca"),
    ("header", "headers"),
    ("http-headers", "headers"),
    ("hmac", "secret"),
    ("key", "secret"),
    ("secrets", "secret"),
    ("sign", "secret"),
    ("signature", "secret"),
    ("signing-key", "secret"),
    ("signing-secret", "secret"),
    ("address", "url"),
    ("endpoint", "url"),
    ("uri", "url"),
];

/// How many secrets may be in use at a time while they are rotated.
const MAX_SECRETS: usize = 8;

/// How long a key is, in bytes, as Standard Webhooks says.
const KEY: RangeInclusive<usize> = 24..=64;
/// A shorter one is no secret.
const LEAST: usize = 16;

/// What is wrong with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Fault {
    NotBase64,
    /// A key of another kind: `whsk_…` and `whpk_…` are those of Ed25519.
    Asymmetric,
    Short,
    Long,
}

pub(super) fn has(name: &str) -> bool {
    OPTIONS.iter().any(|option| option.name == name)
}

pub(super) fn read(entries: &Entries, context: &mut Context) -> Via {
    let url = Url(PLACEHOLDER.to_string());
    let mut webhook = Webhook { url, secrets: Vec::new(), headers: Headers::default(), ca: None };
    let seen = entries.read(&OPTIONS, &OTHER_WORDS, &["url"], &mut webhook, context);
    entries.require(&seen, &["url"], "`{:type :webhook :url \"https://…\" :secret #env \"HOOK_SECRET\"}`", context);
    let what = match (seen.has("secret"), webhook.headers.0.is_empty()) {
        (_, false) => "the headers go",
        (true, true) => "what is signed goes",
        (false, true) => return Via::Webhook(webhook),
    };
    report_clear(seen.place("url"), &webhook.url, what, context);
    Via::Webhook(webhook)
}

fn secret(webhook: &mut Webhook, form: &Form, context: &mut Context) {
    let items = match &form.kind {
        Kind::Vector(items) if (1..=MAX_SECRETS).contains(&items.len()) => items.as_slice(),
        Kind::Vector(items) => {
            context.hidden.extend(items.iter().map(|item| item.span));
            return context.report(catalogue::not_so_many_secrets(form.span, MAX_SECRETS, items.len()));
        }
        _ => std::slice::from_ref(form),
    };
    for item in items {
        let Some(text) = values::secret(item, "`:secret`", context) else { continue };
        match decode(text.text.trim()) {
            Ok(key) => {
                if key.len() < *KEY.start() {
                    context.report(catalogue::short_secret(item.span));
                }
                webhook.secrets.push(Key(key));
            }
            Err(fault) => {
                context.report(catalogue::no_secret(item.span, fault));
                continue;
            }
        }
        if values::in_clear(item).is_some() {
            context.report(catalogue::secret_in_file(item.span, "secret", "HOOK_SECRET"));
        }
    }
}

/// `whsec_` and base64, or base64 alone.
fn decode(text: &str) -> Result<Vec<u8>, Fault> {
    if text.starts_with("whsk_") || text.starts_with("whpk_") {
        return Err(Fault::Asymmetric);
    }
    let key = base64(text.strip_prefix("whsec_").unwrap_or(text)).ok_or(Fault::NotBase64)?;
    match key.len() {
        length if length < LEAST => Err(Fault::Short),
        length if length > *KEY.end() => Err(Fault::Long),
        _ => Ok(key),
    }
}

/// Bytes from base64, with its padding or without.
fn base64(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=');
    let padding = text.len() - bare.len();
    if bare.len() % 4 == 1 || (padding > 0 && (padding > 2 || !text.len().is_multiple_of(4))) {
        return None;
    }
    let mut bytes = Vec::with_capacity(bare.len() / 4 * 3 + 2);
    for part in bare.as_bytes().chunks(4) {
        let mut bits = 0u32;
        for sign in part {
            bits = bits << 6 | u32::from(digit(*sign)?);
        }
        bits <<= 6 * (4 - part.len());
        bytes.extend(&bits.to_be_bytes()[1..part.len()]);
    }
    Some(bytes)
}

fn digit(sign: u8) -> Option<u8> {
    match sign {
        b'A'..=b'Z' => Some(sign - b'A'),
        b'a'..=b'z' => Some(sign - b'a' + 26),
        b'0'..=b'9' => Some(sign - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, base64, decode};

    #[test]
    fn base64_is_read_as_the_standard_says() {
        for (text, expected) in [
            ("", Some(&b""[..])),
            ("Zg==", Some(b"f")),
            ("Zg", Some(b"f")),
            ("Zm8=", Some(b"fo")),
            ("Zm9v", Some(b"foo")),
            ("Zm9vYg==", Some(b"foob")),
            ("+/+/", Some(&[0xfb, 0xff, 0xbf])),
            ("Z", None),
            ("Zg=", None),
            ("Zg===", None),
            ("Zm9v=", None),
            ("Zm9v-_", None),
            ("Zm 9v", None),
            ("Z=m9", None),
        ] {
            assert_eq!(base64(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_secret_has_24_to_64_bytes() {
        let key = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert_eq!(decode(&format!("whsec_{key}")).map(|key| key.len()), Ok(24));
        assert_eq!(decode(key), decode(&format!("whsec_{key}")));
        assert_eq!(decode("whsec_MfKQ9r8GKYqrTwjU"), Err(Fault::Short));
        assert_eq!(decode(&"MfKQ".repeat(22)), Err(Fault::Long));
        assert_eq!(decode("hunter2hunter2hunter2hunter2hunter2-"), Err(Fault::NotBase64));
        assert_eq!(decode("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Err(Fault::Asymmetric));
    }
}
