//! Attacks through the environment: the real command line, with a victim as the
//! proxy.

use std::process::Command;

use crate::victim::Victim;
use crate::world::component;

/// Variables that programs read proxies from, each in upper and lower case.
const VARIABLES: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
    "SOCKS_PROXY",
    "CGI_HTTP_PROXY",
];

#[test]
fn proxy_variables_of_the_environment_are_not_used() {
    let server = Victim::listen();
    let proxy = Victim::listen();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pipeline.toml");
    let pipeline = format!(
        r#"
[connector]
component = {component:?}

[connector.config]
check = [
    {{ request = {{ authority = "{authority}" }} }},
    {{ request = {{ authority = "localhost:{port}" }} }},
]
events = [{{ done = [] }}]

[[connector.allow]]
origin = "{origin}"
private = true

[[connector.allow]]
origin = "http://localhost:{port}"
private = true

[destination]
type = "files"
url = "./out"
format = "jsonl"
"#,
        component = component(),
        authority = server.authority(),
        origin = server.origin(),
        port = server.port(),
    );
    std::fs::write(&file, pipeline).unwrap();
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let url = format!("{scheme}://{}", proxy.authority());
        let before = server.connections();
        let mut command = Command::new(env!("CARGO_BIN_EXE_connector-host"));
        for name in VARIABLES {
            command.env(name, &url).env(name.to_lowercase(), &url);
        }
        let output = command
            .env("NO_PROXY", "")
            .env("no_proxy", "")
            .env("CONNECTOR_HOST_CACHE", folder.path().join("cache"))
            .arg("check")
            .arg("--config")
            .arg(&file)
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{scheme}: {log}");
        assert_eq!(proxy.connections(), 0, "{scheme}");
        // One rule for each spelling of the host.
        assert_eq!(server.connections() - before, 2, "{scheme}");
    }
}
