//! Paths and parameters of URLs, targets of requests, and queries.

/// The path of a URL or a target: without scheme, host, query and fragment. What is no URL is a path.
pub fn path(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(text.len());
    let text = &text[..end];
    let scheme = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
    match text[scheme..].strip_prefix(b"://") {
        Some(rest) if scheme > 0 => match memchr::memchr(b'/', rest) {
            Some(at) => &rest[at..],
            None => b"/",
        },
        _ => text,
    }
}

/// The value of a parameter, decoded, in the query of a URL or a target, or in a query alone.
pub fn parameter(text: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let query = match memchr::memchr(b'?', text) {
        Some(at) => &text[at + 1..],
        // A path without a query has no parameters.
        None if text.starts_with(b"/") || text.windows(3).any(|part| part == b"://") => return None,
        None => text,
    };
    let query = query.split(|byte| *byte == b'#').next().unwrap_or_default();
    query.split(|byte| matches!(byte, b'&' | b';')).find_map(|pair| {
        let equals = memchr::memchr(b'=', pair);
        let (key, value) = equals.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
        (decoded(key) == name).then(|| decoded(value))
    })
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
                match (digit(0), digit(1)) {
                    (Some(high), Some(low)) => {
                        rest = &after[2..];
                        u8::try_from(high * 16 + low).unwrap_or(b'%')
                    }
                    _ => b'%',
                }
            }
            other => other,
        });
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::{parameter, path};

    #[test]
    fn a_path_is_what_stands_between_host_and_query() {
        for (text, expected) in [
            ("/a/b?c=d#e", "/a/b"),
            ("http://example.com/a?b", "/a"),
            ("https://example.com", "/"),
            ("https://example.com?a=/b", "/"),
            ("/a#b?c", "/a"),
            ("*", "*"),
            ("", ""),
            ("/http://x/y", "/http://x/y"),
        ] {
            assert_eq!(path(text.as_bytes()), expected.as_bytes(), "{text}");
        }
    }

    #[test]
    fn a_parameter_is_decoded() {
        for (text, expected) in [
            ("/a?q=x%20y+z&b=1", Some("x y z")),
            ("q=1&q=2", Some("1")),
            ("?b=1&q", Some("")),
            ("/q=1", None),
            ("https://q=1/", None),
            ("/a?b=q=1", None),
            ("/a?%71=%zz%4", Some("%zz%4")),
            ("/a?b=1#q=2", None),
        ] {
            assert_eq!(parameter(text.as_bytes(), b"q"), expected.map(|text| text.as_bytes().to_vec()), "{text}");
        }
    }
}
