use super::*;

fn rules(origin: &str, methods: &[&str], paths: &[&str]) -> Rules {
    let own = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    Rules::new(&[AllowRule {
        origin: origin.to_owned(),
        methods: own(methods),
        paths: own(paths),
        secrets: own(&["token"]),
        ..AllowRule::default()
    }])
    .unwrap()
}

fn decide(rules: &Rules, method: &str, url: &str) -> Result<(), Uncovered> {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    rules.allow(&method, &Url::parse(url).unwrap()).map(|_| ())
}

#[test]
fn only_the_named_origin_is_covered() {
    let rules = rules("https://db.example.io", &[], &[]);
    for url in [
        "https://db.example.io/",
        "https://DB.example.io:443/x",
        "https://db.example.io/a?b=c",
    ] {
        assert_eq!(decide(&rules, "GET", url), Ok(()), "{url}");
    }
    for url in [
        "http://db.example.io/",
        "https://db.example.io:8443/",
        "https://db.example.io./",
        "https://example.io/",
        "https://x.db.example.io/",
        "https://db.example.io.evil.com/",
    ] {
        assert_eq!(decide(&rules, "GET", url), Err(Uncovered::Origin), "{url}");
    }
    assert_eq!(
        decide(&rules, "POST", "https://db.example.io/"),
        Err(Uncovered::Method)
    );
}

#[test]
fn a_wildcard_stands_for_exactly_one_label() {
    let rules = rules("https://*.example.io", &[], &[]);
    assert_eq!(decide(&rules, "GET", "https://a.example.io/"), Ok(()));
    for url in [
        "https://example.io/",
        "https://a.b.example.io/",
        "https://.example.io.evil/",
        "https://aexample.io/",
    ] {
        assert_eq!(decide(&rules, "GET", url), Err(Uncovered::Origin), "{url}");
    }
}

#[test]
fn each_kind_of_turso_host_needs_its_own_pattern() {
    let (old, regional) = (
        "https://db-acme.turso.io/v2/pipeline",
        "https://db-acme.aws-us-east-1.turso.io/v2/pipeline",
    );
    for (origin, covers_old, covers_regional) in [
        ("https://*.turso.io", true, false),
        ("https://*.*.turso.io", false, true),
        ("https://*.aws-us-east-1.turso.io", false, true),
        ("https://*.aws-eu-west-1.turso.io", false, false),
        ("https://db-acme.turso.io", true, false),
        ("https://db-acme.aws-us-east-1.turso.io", false, true),
    ] {
        let rules = rules(origin, &[], &[]);
        for (url, is_covered) in [(old, covers_old), (regional, covers_regional)] {
            let decision = decide(&rules, "GET", url);
            assert_eq!(decision.is_ok(), is_covered, "{origin} and {url}");
        }
        for url in [
            "https://turso.io/",
            "https://a.b.c.turso.io/",
            "https://a..turso.io/",
            "https://db-acme.aws-us-east-1.turso.io.evil.com/",
            "https://db-acme.aws-us-east-1.evilturso.io/",
        ] {
            assert_eq!(decide(&rules, "GET", url), Err(Uncovered::Origin), "{url}");
        }
    }
}

#[test]
fn spellings_of_an_address_are_one_address() {
    let rules = rules("http://127.0.0.1:8080", &[], &[]);
    for url in [
        "http://127.0.0.1:8080/",
        "http://2130706433:8080/",
        "http://0x7f.1:8080/",
        "http://017700000001:8080/",
    ] {
        assert_eq!(decide(&rules, "GET", url), Ok(()), "{url}");
    }
    assert_eq!(
        decide(&rules, "GET", "http://[::ffff:127.0.0.1]:8080/"),
        Err(Uncovered::Origin)
    );
}

#[test]
fn paths_are_matched_after_dot_segments_are_resolved() {
    let rules = rules(
        "https://db.example.io",
        &["POST"],
        &["/v2/*", "/v3/pipeline"],
    );
    assert_eq!(
        decide(&rules, "POST", "https://db.example.io/v2/pipeline"),
        Ok(())
    );
    assert_eq!(
        decide(&rules, "POST", "https://db.example.io/v3/pipeline?x"),
        Ok(())
    );
    for url in [
        "https://db.example.io/v3/pipelines",
        "https://db.example.io/dump",
        "https://db.example.io/v2/../dump",
        "https://db.example.io/v2/%2e%2e/dump",
        "https://db.example.io/v2",
    ] {
        assert_eq!(decide(&rules, "POST", url), Err(Uncovered::Path), "{url}");
    }
    for url in [
        "https://db.example.io/v2/..%2fdump",
        "https://db.example.io/v2/%252e",
    ] {
        assert!(decide(&rules, "POST", url).is_err(), "{url}");
    }
}

#[test]
fn a_path_is_ambiguous_when_servers_may_read_it_differently() {
    for path in [
        "/a%2fb",
        "/a%5Cb",
        "/%2e",
        "/%2E%2e",
        "/%25",
        "/%00",
        "/%0a",
        "/%7f",
        "/a//b",
        "/a\\b",
        "/%",
        "/%2",
        "/%zz",
        "/%u002e",
        "/%c0%ae",
        "/%e0%80%af",
        "/%ff",
        "/..;/x",
        "/.;x",
        "/..%3b/x",
        "/v2/..%20/dump",
        "/v2/%20../dump",
        "/v2/%C2%A0..%E3%80%80/dump",
        "/v2/.%20;x/dump",
        "/v2/%EF%BC%8E%EF%BC%8E/dump",
        "/v2/%E2%80%A5/dump",
        "/v2/a%EF%BC%8Fb",
        "/v2/a%EF%BC%BCb",
    ] {
        assert!(is_ambiguous(path), "{path}");
    }
    for path in [
        "/",
        "/a;b",
        "/...;b",
        "/a.b",
        "/b%C3%BCcher",
        "/a%20b",
        "/a%3Bb",
        "/a%26b",
        "/~a",
        "/a..%20",
        "/%E2%80%A6",
    ] {
        assert!(!is_ambiguous(path), "{path}");
    }
}

#[test]
fn a_star_in_a_path_is_only_itself() {
    let suggested = path::exact("/*/a*").into_owned();
    assert_eq!(suggested, "/%2A/a%2A");
    let rules = rules("https://db.example.io", &["GET"], &[&suggested]);
    let decide = |path: &str| decide(&rules, "GET", &format!("https://db.example.io{path}"));
    assert_eq!(decide("/*/a*"), Ok(()));
    assert_eq!(decide("/%2A/a%2A"), Ok(()));
    assert_eq!(decide("/%2a/a%2a"), Ok(()));
    assert_eq!(decide("/admin/ab"), Err(Uncovered::Path));
}

#[test]
fn an_encoded_star_is_no_text_of_a_pattern() {
    for (pattern, path) in [("/a*2A", "/ab*"), ("/a*2Ay", "/ab*y"), ("/*2A/x", "/*/x")] {
        let rules = rules("https://db.example.io", &["GET"], &[pattern]);
        let url = format!("https://db.example.io{path}");
        assert_eq!(decide(&rules, "GET", &url), Err(Uncovered::Path), "{path}");
    }
}

#[test]
fn a_rule_names_no_header_of_the_host() {
    let rule = |header: &str| {
        Rule::new(&AllowRule {
            origin: "https://x".to_owned(),
            headers: vec![header.to_owned()],
            ..AllowRule::default()
        })
    };
    for header in [
        "host",
        "Authorization",
        "content-length",
        "content_length",
        "Accept-Encoding",
        "accept_encoding",
        "transfer-encoding",
        "x-forwarded-for",
        "proxy-authorization",
        "a b",
        "",
        "a\r\nb",
    ] {
        assert!(rule(header).is_err(), "{header}");
    }
    for header in ["x-namespace-bin", "X-Api-Version", "range", "cookie"] {
        assert!(rule(header).is_ok(), "{header}");
    }
}

#[test]
fn no_rule_grants_a_tunnel() {
    let rule = |method: &str| {
        Rule::new(&AllowRule {
            origin: "https://x".to_owned(),
            methods: vec![method.to_owned()],
            ..AllowRule::default()
        })
    };
    assert!(rule("CONNECT").is_err());
    assert!(rule("G T").is_err());
    assert!(rule("PROPFIND").is_ok());
}

#[test]
fn bad_origins_are_refused_with_the_reason() {
    for origin in [
        "db.example.io",
        "ftp://x",
        "https://u:p@x",
        "https://x/v2",
        "https://*.a.*.x.io",
        "https://*.*",
        "https://*.*.",
        "https://*.1.2.3.4",
        "https://x.",
        "https://a*.x.io",
        "https://",
    ] {
        assert!(Origin::parse(origin).is_err(), "{origin}");
    }
    assert_eq!(
        Origin::parse("https://*.Example.io:443")
            .unwrap()
            .to_string(),
        "https://*.example.io"
    );
    assert_eq!(
        Origin::parse("https://*.*.example.io:8443")
            .unwrap()
            .to_string(),
        "https://*.*.example.io:8443"
    );
    assert_eq!(
        Origin::parse("http://[::1]:80").unwrap().to_string(),
        "http://[::1]"
    );
}
