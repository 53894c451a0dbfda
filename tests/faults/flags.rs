//! What the binary says of itself: its health, its help, and that the README's table of variables is the help's.

use std::collections::BTreeMap;

use crate::process::{Place, ended, fitd};

const README: &str = include_str!("../../README.md");

/// The default of each variable, by the variable and its flag.
type Defaults = BTreeMap<(String, String), String>;

#[tokio::test]
async fn the_health_check_tells_a_living_service_from_none() {
    let place = Place::new();
    let service = place.serve().await;
    let check = |address: &str| {
        let mut command = fitd();
        command.arg("healthcheck").env("FITD_LISTEN", address);
        command
    };
    let address = service.address.to_string();
    let unspecified = format!("0.0.0.0:{}", service.address.port());
    assert_eq!(ended(&mut check(&address)).await.status.code(), Some(0));
    assert_eq!(ended(&mut check(&unspecified)).await.status.code(), Some(0), "as the image configures it");
    service.kill().await;
    let output = ended(&mut check(&address)).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("the service does not answer"));
}

/// The text in `[name: …]`.
fn bracketed(text: &str, name: &str) -> Option<String> {
    let rest = text.split(&format!("[{name}: ")).nth(1).or_else(|| text.split(&format!("[{name}:")).nth(1))?;
    Some(rest.split(']').next()?.trim().trim_matches('"').to_owned())
}

async fn help(arguments: &[&str]) -> Defaults {
    let output = ended(fitd().args(arguments)).await;
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = Defaults::new();
    for entry in text.split(" --").skip(1) {
        let flag = entry.split_whitespace().next().unwrap().trim_end_matches(',');
        if ["help", "version"].contains(&flag) {
            continue;
        }
        let variable = bracketed(entry, "env").unwrap_or_else(|| panic!("--{flag} has no variable in {arguments:?}"));
        let default = bracketed(entry, "default").unwrap_or_else(|| panic!("--{flag} has no default in {arguments:?}"));
        found.insert((variable.trim_end_matches('=').to_owned(), format!("--{flag}")), default);
    }
    found
}

/// A default as a person writes it, in the form that the help has.
fn plain(cell: &str) -> String {
    let cell = cell.trim_matches('`');
    if let Some(mebibytes) = cell.strip_suffix(" MiB") {
        return (mebibytes.parse::<u64>().unwrap() << 20).to_string();
    }
    let digits = cell.replace(',', "");
    if digits.parse::<u64>().is_ok() { digits } else { cell.to_owned() }
}

fn readme() -> Defaults {
    let rows = README.lines().filter(|line| line.starts_with("| `FITD_"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        ((cells[1].trim_matches('`').to_owned(), cells[2].trim_matches('`').to_owned()), plain(cells[3]))
    })
    .collect()
}

#[tokio::test]
async fn the_readme_has_every_variable_with_its_flag_and_its_default() {
    let (short, long) = (help(&["--help"]).await, help(&["serve", "--help"]).await);
    assert!(long.len() >= 20, "{long:?}");
    assert_eq!(short, long);
    assert_eq!(readme(), long);
}

#[tokio::test]
async fn the_version_is_the_packages() {
    let output = ended(fitd().arg("--version")).await;
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), concat!("fitd ", env!("CARGO_PKG_VERSION")));
}
