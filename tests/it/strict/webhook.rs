//! A receiver as Standard Webhooks wants it: it believes no message that is not signed, and none that is old.

use sha2::{Digest, Sha256};

use super::{Say, Seen};

/// How far apart the clocks of both may be, in seconds.
const TOLERANCE: i64 = 300;

/// 204 to what one of its secrets signs, 401 with the reason to all else.
pub fn answer(secret: &[u8], seen: &Seen) -> Say {
    match verify(secret, seen) {
        Ok(()) => Say::status(204),
        Err(why) => Say::Answer(401, &[], why.to_string()),
    }
}

fn verify(secret: &[u8], seen: &Seen) -> Result<(), &'static str> {
    let id = seen.header("webhook-id").filter(|id| !id.is_empty()).ok_or("no id")?;
    let timestamp = seen.header("webhook-timestamp").ok_or("no timestamp")?;
    let seconds: i64 = timestamp.parse().map_err(|_| "a timestamp that is none")?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    if (now - seconds).abs() > TOLERANCE {
        return Err("too old, or of the future");
    }
    if seen.header("content-type") != Some("application/json") {
        return Err("no JSON");
    }
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &seen.body].concat();
    let expected = format!("v1,{}", base64(&hmac_sha256(secret, &signed)));
    let signatures = seen.header("webhook-signature").ok_or("no signature")?;
    if signatures.split(' ').any(|signature| signature == expected) { Ok(()) } else { Err("signed by nobody known") }
}

/// RFC 2104, by the letter.
pub fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    match key.len() > 64 {
        true => block[..32].copy_from_slice(&Sha256::digest(key)),
        false => block[..key.len()].copy_from_slice(key),
    }
    let inner = Sha256::digest([&block.map(|byte| byte ^ 0x36), text].concat());
    Sha256::digest([&block.map(|byte| byte ^ 0x5c)[..], &inner].concat()).to_vec()
}

/// Six bits at a time, one after the other.
pub fn base64(bytes: &[u8]) -> String {
    let digits: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let bits: Vec<bool> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
    let text = bits.chunks(6).map(|six| {
        let value = six.iter().fold(0, |value, bit| value << 1 | usize::from(*bit));
        digits[value << (6 - six.len())]
    });
    let mut text: String = text.collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}
