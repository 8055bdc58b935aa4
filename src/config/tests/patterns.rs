//! Patterns.

use super::*;

#[test]
fn what_only_other_dialects_have_is_caught_by_name() {
    for (text, code, phrase) in [
        (r#""^2[0–9]{2}$""#, "T062", "write `[0-9]`"),
        (r#""(?=x)y""#, "T061", "`(?=` is a lookahead"),
        (r#""^(?!/health)""#, "T061", ":where (not (re-find"),
        (r#""(?<=a)b""#, "T061", "a lookbehind"),
        (r#""(?<!a)b""#, "T061", "a negative lookbehind"),
        (r#""(?>a+)b""#, "T061", "an atomic group"),
        (r#""a*+b""#, "T061", "write only `*`"),
        (r#""a++b""#, "T061", "write only `+`"),
        (r#""a{2,3}+b""#, "T061", "a possessive quantifier"),
        (r#""(a|b)\\1""#, "T061", "a backreference"),
        (r#""\\Qa.b\\E""#, "T061", "before each special character"),
        (r#""\\p{Alpha}+""#, "T061", "write `[[:alpha:]]`"),
        (r#""\\P{Alpha}+""#, "T061", "write `[[:^alpha:]]`"),
        (r#""\\p{javaLowerCase}""#, "T061", "write `\\\\p{Lowercase}`"),
        (r#""a\\Z""#, "T061", "write `$`"),
        (r#""*.html""#, "T060", "for any text write `.*`"),
        (r#""/items(/""#, "T060", "unclosed group"),
        (r#""[0-9""#, "T060", "unclosed character class"),
        (r#""a{3,2}""#, "T060", "range"),
        (r#""\\p{Nonsense}""#, "T060", "Unicode property not found"),
        (r#""(a{1000}){1000}""#, "T063", "10 MiB"),
        ("200", "T064", "write `\"^200$\"`"),
        (":ok", "T021", "write `\"ok\"`"),
        ("#regex \"^5\"", "T020", "did you mean `#re`?"),
        ("#regexp \"^5\"", "T020", "did you mean `#re`?"),
        ("#pattern \"^5\"", "T020", "did you mean `#re`?"),
        ("#env-var \"P\"", "T020", "did you mean `#env`?"),
        ("=~\"^5\"", "E062", "write only the expression"),
        ("=~ \"^5\"", "E062", "write only the expression"),
    ] {
        faults(&pattern(text), &[(code, phrase)]);
    }
    for text in [
        r#""^/api/[^/]+$""#,
        r#""(?i)^get$""#,
        r#""(?<year>[0-9]{4})""#,
        r#""\\+\\+""#,
        r#""[a-z&&[^aeiou]]""#,
        r#""[]–a]""#,
        r#""[[:alpha:]+*+]""#,
        r#""x*?y""#,
        r#""2..""#,
        r#""\\w{1,40}""#,
        r#""""#,
        r#"#re "é–è""#,
    ] {
        faults(&pattern(text), &[]);
    }
}

#[test]
fn a_fault_in_a_pattern_is_shown_where_it_stands() {
    for (written, part) in [
        (r#""^2[0–9]{2}$""#, "0–9"),
        (r#"#re "^/a(?=b)""#, "(?="),
        (r#""/items(/""#, "("),
        // Where the string has escapes the whole of it is shown.
        (r#""\"(a\\1)""#, r#""\"(a\\1)""#),
    ] {
        let loaded = from_text(&pattern(written));
        assert_eq!(loaded.sources.text(loaded.diagnostics[0].labels[0].span), part, "{written}");
    }
}

#[test]
fn a_bare_number_as_the_pattern_of_a_status_is_a_lint() {
    let text = |field: &str, pattern: &str| {
        format!("{{:histograms {{\"q\" {{{field} {{{pattern} {{:< 9 :interval 60 :type :count}}}}}}}}}}")
    };
    for (pattern, help) in [
        ("\"200\"", "write `\"^200$\"`"),
        ("\"2[0-9]{2}\"", "write `\"^2[0-9]{2}$\"`"),
        ("\"301|302\"", "write `\"^(301|302)$\"`"),
        ("\"5..\"", "write `\"^5..$\"`"),
        ("\"2.*\"", "write `\"^2.*$\"`"),
        ("\"5.*\"", "write `\"^5.*$\"`"),
        ("\"5\\\\d\\\\d\"", "write `\"^5\\\\d\\\\d$\"`"),
    ] {
        faults(&text(":status-code", pattern), &[("W006", help)]);
        faults(&text(":path", pattern), &[]);
    }
    for (pattern, code, help) in [
        ("\"^200|201$\"", "W019", "write `\"^(200|201)$\"`"),
        ("\"^2..|3..\"", "W019", "write `\"^(2..|3..)$\"`"),
        ("\"^2xx$\"", "W018", "write `\"^2[0-9]{2}$\"`"),
        ("\"5xx\"", "W018", "write `\"^5[0-9]{2}$\"`"),
        ("\"4xx|5XX\"", "W018", "write `\"^(4[0-9]{2}|5[0-9]{2})$\"`"),
    ] {
        faults(&text(":status-code", pattern), &[(code, help)]);
        faults(&text(":path", pattern), &[]);
    }
    for (field, pattern, help) in [
        (":status-code", "\"/^5/\"", "write only the expression: `\"^5\"`"),
        (":path", "\"/^api/i\"", "`\"(?i)^api\"`"),
        (":method", "\"/get/i\"", "`\"(?i)get\"`"),
        (":method", "\"=~\\\"^G\\\"\"", "`\"^G\"`"),
    ] {
        faults(&text(field, pattern), &[("W020", help)]);
    }
    faults(&text(":path", "\"/api/\""), &[]);
    for pattern in ["\"^2\"", "\"^2..\"", "\"^5|^4\"", "\"^(200|201)$\"", "\".*\"", "\"^200$\""] {
        faults(&text(":status-code", pattern), &[]);
    }
}

#[test]
fn patterns_have_one_limit_together() {
    let checks: Vec<String> =
        (0..6_000).map(|i| format!("\"{i}\\\\w{{1,4}}\" {{:> 0 :interval 60 :type :count}}")).collect();
    let text = format!("{{:histograms {{\"http\" {{:path {{{}}}}}}}}}", checks.join(" "));
    let loaded = from_text(&text);
    assert!(loaded.plan.is_none());
    assert!(loaded.diagnostics.iter().all(|d| d.code == "T065" || d.code == "T010"), "{:?}", loaded.diagnostics[0]);
}
