//! Expressions of `:where`.

use super::*;

#[test]
fn expressions_are_checked_when_they_are_read() {
    for (expression, code, phrase) in [
        ("(== host \"a\")", "T077", "did you mean `=`?"),
        ("(!= host \"a\")", "T077", "did you mean `not=`?"),
        ("(adn true host)", "T077", "did you mean `and`?"),
        ("(foo host)", "T077", "the functions are"),
        ("(in [200 201] :status-code)", "T077", "write `(or (= :status-code 200) (= :status-code 201))`"),
        ("(contains? #{200} :status-code)", "T169", "write `(or (="),
        ("(re-groups \"^/a\" :path)", "T170", "the pattern has no group"),
        ("(re-groups \"^/(a)\" :path 2)", "T170", "groups 1 to 1"),
        ("(re-groups \"^/(?P<x>a)\" :path \"y\")", "T170", "and `\"x\"`"),
        ("(re-groups :path \"^/(a)\")", "T082", "turn the two arguments round"),
        ("(= (subs :path 2 1) \"a\")", "T169", "an end that is not before the start"),
        ("(= (subs :path -1) \"a\")", "T025", "an argument of `subs`"),
        ("(starts-with? :path :prefix)", "T169", "a text as written"),
        ("(starts-with? (= 1 metric) \"a\")", "T169", "a text"),
        ("(= (bucket metric 1 1) \"<1\")", "T169", "a bound above the one before"),
        ("(= (bucket metric \"a\") \"<1\")", "T169", "a bound above the one before"),
        ("(case host (re-find \"a\" host) true)", "T169", "a text, a number or a list of them"),
        ("(startsWith :path \"/\")", "T077", "did you mean `starts-with?`?"),
        ("(substring :path 1)", "T077", "did you mean `subs`?"),
        ("{:a 1}", "T070", "a map"),
        ("\"status-code == 200\"", "T083", "write `(= :status-code 200)`"),
        ("\"method != 'GET'\"", "T083", "write `(not= :method \"GET\")`"),
        ("\"all\"", "T083", "write a list"),
        ("(+ 1 2)", "T083", "this is a list"),
        ("200", "T083", "the number `200`"),
        ("nil", "T083", "leave `:where` out"),
        ("(service \"q\")", "T076", "write `(= service"),
        ("(= host)", "T078", "`=` takes at least 2 arguments, and has 1"),
        ("(not host state)", "T078", "`not` takes 1 argument, and has 2"),
        ("(if host)", "T078", "takes 2 to 3 arguments"),
        ("(cond host 1 state)", "T080", "pairs"),
        ("(< metric \"fast\")", "T079", "a text that is no number"),
        ("(< metric nil)", "T079", "nil"),
        ("(+ metric (nil? host))", "T079", "true or false"),
        ("(< 1 tags)", "T079", "a list of tags"),
        ("(= hots \"a\")", "T071", "did you mean `host`?"),
        ("(= status-code \"200\")", "T071", "write `:status-code` for an attribute"),
        ("(= event 5)", "T071", "(:status-code event)"),
        ("(:status-code evt)", "T074", "write `(:status-code event)`"),
        ("(re-find host #re \"a\")", "T082", "turn the two arguments round"),
        ("(re-find #re \"(?=a)\" host)", "T061", "a lookahead"),
        ("(tagged [\"a\" \"b\"])", "T021", "`tagged` takes a string"),
        ("[= host 5]", "T070", "a vector"),
        ("()", "T073", "an empty list"),
        ("(5 6)", "T075", "the number `5`"),
        ("(= host \\a)", "T070", "write `\"a\"`"),
        ("(= state :ok)", "W015", "write `\"ok\"` for the text"),
        ("(= :status-code :ok)", "W015", "write `\"ok\"`"),
        ("true", "W013", "the same for every event"),
        ("(= 1 1)", "W013", "the same for every event"),
        ("(+ 1 metric)", "W014", "compare it"),
        ("(cond host 1 :else 2 state 3)", "W016", "never reached"),
    ] {
        faults(&condition(expression), &[(code, phrase)]);
    }
    for expression in [
        "(= :status-code \"200\")",
        "(= (:status-code event) 200)",
        "(and (not= state \"ok\") (or (nil? host) (some? :path)) (not (tagged \"test\")))",
        "(re-find #re \"^/api\" :path)",
        "(re-find \"^/api\" :path)",
        "(< 1 metric \"9\" (* 2 ttl))",
        "(cond (= host \"a\") true (= host \"b\") :x :else nil)",
        "(when (> metric 5) (if host (= (str host state) \"ab\")))",
        "(= (:ok event) state)",
        ":status-code",
    ] {
        faults(&condition(expression), &[]);
    }
    faults(&condition("(and (= hots 1) (< \"x\" metric) (foo))"), &[("T071", ""), ("T079", ""), ("T077", "")]);
}

#[test]
fn a_long_cond_is_refused_and_not_nested_without_end() {
    let clauses = "(= host \"a\") 1 ".repeat(50_000);
    faults(&condition(&format!("(cond {clauses})")), &[("T081", "nested too deep")]);
}
