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
        ("(contains? #{200} :status-code)", "T179", "write `(case :status-code (200 201) true)`"),
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
        ("(case host \"a\")", "T078", "`case` takes at least 3 arguments, and has 2"),
        ("(case host :a 1)", "T170", "write `\"a\"` for the text"),
        ("(case host \"a\" 1 :else 2)", "T170", "write what else it is last, alone"),
        ("(case host [\"a\" \"b\"] 1)", "T170", "as a list: `(\"a\" \"b\")`"),
        ("(case host #re \"a\" 1)", "T170", "`cond` and `re-find`"),
        ("(case host () 1)", "T170", "this is a list"),
        ("(case host (\"a\" (\"b\")) 1)", "T170", "this is a list"),
        ("(case host \"a\" 1 (\"b\" \"a\") 2)", "T171", "twice"),
        ("(case host \"200\" 1 200.0 2)", "T171", "a number and a text that reads as that number"),
        ("(case host nil 1 nil 2)", "T171", "twice"),
        ("(case tags \"a\" 1)", "T169", "(contains? tags"),
        ("(re-groups :path #re \"a\" 1)", "T082", "turn the two arguments round"),
        ("(re-groups \"a\" :path 1)", "T172", "it has none"),
        ("(re-groups \"(a)(?<b>b)\" :path 3)", "T172", "no group `3`"),
        ("(re-groups \"(a)(?<b>b)\" :path \"c\")", "T172", "it has the groups 1, 2 `\"b\"`; 0 is the whole match"),
        ("(re-groups \"(a)\" :path -1)", "T172", "no group `-1`"),
        ("(re-groups \"(?<b>b)\" :path :b)", "T173", "write `\"b\"`"),
        ("(re-groups \"a\" :path)", "T172", "it has none"),
        ("(= \"2\" (subs :code -1))", "T174", "the number `-1`"),
        ("(= \"2\" (subs :code 0 :n))", "T174", "the keyword `:n`"),
        ("(= \"2\" (subs :code 0 99999999999))", "T174", "4294967295"),
        ("(= \"2\" (subs :code 2 1))", "T175", "not a length: write `3`"),
        ("(= \"2\" (subs nil 0 1))", "T169", "this is nil"),
        ("(= \"2\" (subs (nil? host) 0 1))", "T169", "this is true or false"),
        ("(= \"2\" (lower-case tags))", "T169", "a list of tags"),
        ("(starts-with? \"/api\" :path)", "T178", "turn the two arguments round"),
        ("(query-param \"a\" :path)", "T178", "turn the two arguments round"),
        ("(starts-with? :path :prefix)", "T021", "takes a string"),
        ("(contains? (some? host) \"a\")", "T169", "true or false"),
        ("(= \"a\" (bucket metric 1 :x))", "T176", "the keyword `:x`"),
        ("(= \"a\" (bucket metric 1 1.0))", "T177", "1 is not above 1"),
        ("(= \"a\" (bucket tags 1))", "T079", "a list of tags"),
        ("(< 1 (bucket metric 1))", "T079", "the name of a range"),
        ("(< 1 (contains? host \"a\"))", "T079", "true or false"),
        ("(substring :code 0 1)", "T077", "did you mean `subs`?"),
        ("(startsWith :path \"/\")", "T077", "did you mean `starts-with?`?"),
        ("(str/ends-with? :path \"/\")", "T077", "did you mean `ends-with?`?"),
        ("(includes? :path \"/\")", "T077", "did you mean `contains?`?"),
        ("(toLowerCase host)", "T077", "did you mean `lower-case`?"),
        ("(lower host)", "T077", "did you mean `lower-case`?"),
        ("(switch host \"a\" 1)", "T077", "did you mean `case`?"),
        ("(to_number host)", "T077", "did you mean `parse-number`?"),
        ("(query-parm :path \"a\")", "T077", "did you mean `query-param`?"),
        ("{:a 1}", "T070", "not a map"),
        ("(case host \"a\" {:a 1})", "T070", "not a map"),
        ("(lower-case host)", "W014", "every value but nil and false is true"),
        ("(subs \"abc\" 0 1)", "T083", "this is a list"),
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
        "(case :status-code (200 \"204\") true \"500\" nil false)",
        "(case host nil 1 true 2 #env [\"X\" \"x\"] 3)",
        "(= \"a\" (re-groups \"^/(?<app>[^/]+)/(x)\" :path \"app\") (re-groups #re \"(a)\" :path 0))",
        "(and (starts-with? :path \"/\") (ends-with? (url-path :target) \".js\") (contains? tags \"a\"))",
        "(starts-with? (:tags event) \"a\")",
        "(= \"2\" (subs :status-code 0 1) (subs :status-code 0 0) (subs metric 1))",
        "(query-param :target \"page\")",
        "(or (= \"<0.1\" (bucket (parse-number :took) 0.1 0.3 1)) (< 1 (parse-number (lower-case :took))))",
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

#[test]
fn what_is_written_is_read_as_it_was() {
    let filter = |text: &str| {
        let loaded = from_text(&condition(&format!("(some? {text})")));
        let plan = loaded.plan.unwrap_or_else(|| panic!("{text}\n{:#?}", loaded.diagnostics));
        plan.thresholds.into_iter().next().and_then(|threshold| threshold.filter).expect("a `:where`")
    };
    for (text, written) in [
        ("(case :a 1 2)", "(case :a 1 2)"),
        ("(case :a (1 \"b\") 2 nil \"x\" :c)", "(case :a (1 \"b\") 2 nil \"x\" :c)"),
        ("(re-groups #re \"(?<x>a)\\\\.\" :a \"x\")", "(re-groups \"(?<x>a)\\\\.\" :a 1)"),
        ("(subs :a 1)", "(subs :a 1)"),
        ("(subs (str :a \"b\") 0 3)", "(subs (str :a \"b\") 0 3)"),
        (
            "(or (starts-with? :a \"b\") (ends-with? :a \"c\") (contains? tags \"d\"))",
            "(or (starts-with? :a \"b\") (ends-with? :a \"c\") (contains? :tags \"d\"))",
        ),
        ("(url-path (lower-case :a))", "(url-path (lower-case :a))"),
        ("(query-param :a \"b\")", "(query-param :a \"b\")"),
        ("(bucket (parse-number :a) -1 0.5 10)", "(bucket (parse-number :a) -1 0.5 10)"),
        ("(cond :a 1 :b 2)", "(cond :a 1 :b 2)"),
        ("(cond :a 1 :b 2 :else 3)", "(cond :a 1 :b 2 :else 3)"),
        ("(cond :a 1 :else 3)", "(if :a 1 3)"),
        ("(when :a 1)", "(if :a 1)"),
        ("(if (:else event) 1 (if :b 2))", "(if :else 1 (if :b 2))"),
        ("(if :b 1 (if (:else event) 2))", "(if :b 1 (if :else 2))"),
    ] {
        let read = filter(text);
        assert_eq!(read.to_string(), format!("(some? {written})"));
        assert_eq!(filter(written), read, "{written}");
    }
}

#[test]
fn a_case_of_many_constants_is_read_in_no_time() {
    let clauses: String = (0..50_000).map(|n| format!("\"{n}\" {n} ")).collect();
    faults(&condition(&format!("(case host {clauses})")), &[]);
}
