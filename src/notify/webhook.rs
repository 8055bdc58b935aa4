//! `:webhook`: the transition as JSON, a batch as an array, signed as Standard Webhooks says.

use ring::hmac;

use super::{Batch, Request, about_json, base64, json_bytes, record, request_headers};
use crate::plan::{Key, Webhook};

pub fn render(webhook: &Webhook, batch: &Batch<'_>) -> Request {
    let records: Vec<_> = batch.notices.iter().map(|notice| record(notice, batch.is_test)).collect();
    let body = match records.as_slice() {
        [one] => json_bytes(one),
        more => json_bytes(&more),
    };
    let seconds = batch.now.micros().div_euclid(1_000_000);
    let [content_type, user_agent] = about_json();
    let mut own = vec![
        content_type,
        user_agent,
        ("webhook-id", batch.key.to_string()),
        ("webhook-timestamp", seconds.to_string()),
    ];
    if !webhook.secrets.is_empty() {
        let signatures: Vec<_> = webhook.secrets.iter().map(|key| sign(key, batch.key, seconds, &body)).collect();
        own.push(("webhook-signature", signatures.join(" ")));
    }
    Request {
        url: webhook.url.clone(),
        headers: request_headers(&own, &webhook.headers),
        body,
        hidden: None,
        ca: webhook.ca.clone(),
    }
}

/// `v1,` and the signature that the receiver computes too.
fn sign(key: &Key, id: &str, seconds: i64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key.0));
    context.update(format!("{id}.{seconds}.").as_bytes());
    context.update(body);
    format!("v1,{}", base64(context.sign().as_ref()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::super::samples;
    use super::*;
    use crate::plan::{Headers, Secret, Url};

    fn webhook() -> Webhook {
        Webhook {
            url: Url("https://hooks.example.com/x".to_string()),
            secrets: vec![],
            headers: Headers::default(),
            ca: None,
        }
    }

    fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
        request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.0.as_str())
    }

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // `MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw` of base64.
        let key = Key(vec![
            49, 242, 144, 246, 191, 6, 41, 138, 171, 79, 8, 212, 60, 63, 8, 44, 246, 72, 163, 98, 218, 45, 164, 176,
        ]);
        assert_eq!(base64(&key.0), "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn one_transition_is_an_object_and_a_batch_an_array() {
        let notices = [samples::violation(), samples::recovery()];
        let one = render(&webhook(), &samples::batch(&notices[..1]));
        assert_eq!(String::from_utf8(one.body).unwrap(), *notices[0].line());
        let two = render(&webhook(), &samples::batch(&notices));
        assert_eq!(String::from_utf8(two.body).unwrap(), format!("[{},{}]", notices[0].line(), notices[1].line()));
    }

    #[test]
    fn headers_identify_the_message_and_the_users_are_kept() {
        let headers = [("X-Team", "checkout"), ("User-Agent", "pager"), ("Webhook-Id", "mine"), ("Host", "elsewhere")];
        let headers = headers.map(|(name, value)| (name.to_string(), Secret(value.to_string())));
        let webhook = Webhook { headers: Headers(headers.to_vec()), ..webhook() };
        let notices = [samples::violation()];
        let request = render(&webhook, &samples::batch(&notices));
        let shown: Vec<_> = request.headers.iter().map(|(name, value)| (name.as_str(), value.0.as_str())).collect();
        let expected = [
            ("content-type", "application/json"),
            ("webhook-id", "key-1"),
            ("webhook-timestamp", "1700000400"),
            ("X-Team", "checkout"),
            ("User-Agent", "pager"),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn each_secret_signs_while_they_are_rotated() {
        let secrets = vec![Key(b"0123456789abcdef01234567".to_vec()), Key(b"another".to_vec())];
        let notices = [samples::violation()];
        let request = render(&Webhook { secrets, ..webhook() }, &samples::batch(&notices));
        let signatures: Vec<_> = header(&request, "webhook-signature").unwrap().split(' ').collect();
        let by_hand = sign(&Key(b"another".to_vec()), "key-1", 1700000400, &request.body);
        assert_eq!(signatures.len(), 2);
        assert_eq!(signatures[1], by_hand);
        assert_ne!(signatures[0], by_hand);
    }

    #[test]
    fn a_test_is_marked() {
        let notices = [samples::violation()];
        let json: Json = serde_json::from_slice(&render(&webhook(), &samples::test_batch(&notices)).body).unwrap();
        assert_eq!((&json["test"], &json["status"]), (&true.into(), &"violation".into()));
    }
}
