//! The rules of the house as tests: what may use what, what every file has, and that the documents say what is there.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below `folder` with one of these endings, by its path from the root.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// A source file without its comments and without its unit tests.
struct Source {
    path: PathBuf,
    code: String,
}

fn sources(folder: &str) -> Vec<Source> {
    let all = files(folder, &[".rs"]);
    let tests: Vec<PathBuf> = all.iter().flat_map(|path| test_modules(path)).collect();
    all.into_iter()
        .filter(|path| !tests.iter().any(|test| path.starts_with(test) || *path == test.with_extension("rs")))
        .map(|path| Source { code: without_tests(&without_comments(&read(&path))), path })
        .collect()
}

/// The modules that a file declares for tests alone, as paths without an ending.
fn test_modules(path: &Path) -> Vec<PathBuf> {
    let is_root = ["mod.rs", "lib.rs", "main.rs"].iter().any(|name| path.ends_with(name));
    let folder = if is_root { path.parent().unwrap().to_owned() } else { path.with_extension("") };
    let text = read(path);
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    lines
        .windows(2)
        .filter(|pair| pair[0] == "#[cfg(test)]")
        .filter_map(|pair| pair[1].strip_suffix(';')?.rsplit_once("mod ").map(|(_, name)| folder.join(name)))
        .collect()
}

fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// Unit tests stand at the end of a file, in one module.
fn without_tests(code: &str) -> String {
    let lines: Vec<_> = code.lines().collect();
    let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{'));
    lines[..tests.unwrap_or(lines.len())].join("\n")
}

/// The modules of this crate that `code` names: `crate::x` and `use crate::{x, y::z}`.
fn crate_modules(code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        // `$crate::x` counts, `pub(in crate::x)` too, `other_crate::x` does not.
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let (mut depth, mut start) = (1, true);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => start = true,
                c if start && c.is_alphabetic() => {
                    found.insert(word(&group[at..]));
                    start = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

/// What each folder of `src/` may use of this crate beside itself. The store's door is `jobs`: what the edge needs of the
/// store, `jobs` hands on. The configuration is no layer: the edge has its limits from it.
const LAYERS: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("descent", &[]),
    ("plot", &[]),
    ("fit", &["descent"]),
    ("ingest", &["descent", "fit"]),
    ("store", &["descent", "failpoints", "fit"]),
    ("jobs", &["descent", "failpoints", "fit", "store"]),
    ("http", &["config", "descent", "fit", "ingest", "jobs", "plot"]),
    ("serve", &["config", "http", "jobs", "store"]),
    ("terminal", &["config", "serve"]),
    ("upkeep", &["serve", "store"]),
];

#[test]
fn each_layer_uses_only_what_lies_below_it() {
    let mut wrong = Vec::new();
    for (folder, below) in LAYERS {
        for source in sources(&format!("src/{folder}")) {
            for module in crate_modules(&source.code) {
                if module != *folder && !below.contains(&module.as_str()) {
                    wrong.push(format!("{} uses crate::{module}", source.path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_folder_has_its_layer() {
    for path in files("src", &[".rs"]) {
        let mut parts = path.components().skip(1);
        let (first, nested) = (parts.next().unwrap(), parts.next().is_some());
        let name = first.as_os_str().to_string_lossy();
        assert!(!nested || LAYERS.iter().any(|(folder, _)| *folder == name), "src/{name} is in no layer");
    }
}

#[test]
fn the_core_knows_no_async_no_io_no_clock_and_no_serialization() {
    let foreign =
        ["tokio", "serde", "axum", "hyper::", "rusqlite", "jiff", "std::time", "std::fs", "std::net", "async fn"];
    for source in sources("src/descent") {
        for word in foreign {
            assert!(!source.code.contains(word), "{} uses {word}", source.path.display());
        }
    }
}

#[test]
fn reading_data_takes_nothing_of_a_fit_but_the_violation() {
    for source in sources("src/ingest") {
        for (at, text) in source.code.match_indices("crate::fit::") {
            let rest = &source.code[at + text.len()..];
            assert!(rest.starts_with("Violation"), "{} uses more of crate::fit", source.path.display());
        }
    }
}

#[test]
fn http_and_sql_stay_in_their_layers() {
    for (word, home) in [("axum::", "src/http"), ("rusqlite::", "src/store")] {
        for source in sources("src") {
            let at_home = source.path.starts_with(home) || source.path.ends_with("serve.rs");
            assert!(at_home || !source.code.contains(word), "{} uses {word}", source.path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_can_be_read_in_one_sitting() {
    for folder in ["src", "tests"] {
        for path in files(folder, &[".rs"]) {
            let text = read(&path);
            assert!(text.starts_with("//! "), "{} does not open with what it is for", path.display());
            assert!(text.lines().count() <= 500, "{} has {} lines", path.display(), text.lines().count());
        }
    }
}

#[test]
fn nothing_panics_for_convenience_and_nothing_is_left_undone() {
    for source in sources("src") {
        for shortcut in [".unwrap()", "todo!(", "unimplemented!(", "dbg!(", "println!("] {
            // The binary alone may speak to a terminal.
            let allowed = shortcut == "println!(" && source.path.ends_with("main.rs");
            assert!(allowed || !source.code.contains(shortcut), "{} has {shortcut}", source.path.display());
        }
    }
}

#[test]
fn no_test_sleeps() {
    let sleep = concat!("sle", "ep(");
    for path in files("tests", &[".rs"]).into_iter().chain(files("src", &[".rs"])) {
        assert!(!without_comments(&read(&path)).contains(sleep) || !path.starts_with("tests"), "{}", path.display());
    }
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let endings = [".rs", ".md", ".toml", ".yaml", ".json", ".py", ".sh", "Makefile", "Dockerfile", "run"];
    let mut all: Vec<_> = ["src", "tests", "docs", "examples", "scripts", ".ci", ".config"]
        .iter()
        .flat_map(|one| files(one, &endings))
        .collect();
    all.extend(
        ["README.md", "CHANGELOG.md", "Cargo.toml", "Makefile", "Dockerfile", "compose.yaml", "openapi.yaml"]
            .map(PathBuf::from),
    );
    for path in all {
        let text = read(&path);
        for place in places {
            assert!(!text.contains(place), "{} names {place}", path.display());
        }
    }
}

/// The fenced blocks of a Markdown file in this language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    text.split(opening.as_str()).skip(1).filter_map(|rest| rest.split("\n```").next()).map(str::to_owned).collect()
}

fn documents() -> Vec<PathBuf> {
    let mut all = files("docs", &[".md"]);
    all.extend(files("src", &[".md"]));
    all.extend(files("examples", &[".md"]));
    all.push("README.md".into());
    all
}

#[test]
fn json_in_the_documents_can_be_parsed() {
    let mut seen = 0;
    for path in documents() {
        for block in blocks(&read(&path), "json") {
            serde_json::from_str::<Value>(&block)
                .unwrap_or_else(|error| panic!("{}: {error}\n{block}", path.display()));
            seen += 1;
        }
    }
    assert!(seen >= 2);
}

#[test]
fn commands_in_the_documents_exist() {
    let makefile = read("Makefile");
    let has = |target: &str| makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
    let mut seen = BTreeSet::new();
    for path in documents().into_iter().chain([PathBuf::from(".ci/run"), "CHANGELOG.md".into()]) {
        let text = read(&path);
        // In prose a command stands in backquotes; in a block it opens a line.
        let quoted = text.split('`').skip(1).step_by(2).map(str::to_owned);
        let lines =
            blocks(&text, "sh").into_iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
        for command in quoted.chain(lines) {
            for target in command.strip_prefix("make ").into_iter().flat_map(str::split_whitespace) {
                assert!(has(target), "{} names `make {target}`", path.display());
                seen.insert(target.to_owned());
            }
        }
    }
    assert!(seen.is_superset(&BTreeSet::from(["run".to_owned(), "test".to_owned()])), "{seen:?}");
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    for path in documents() {
        let text = read(&path);
        let folder = path.parent().unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap();
            if !target.is_empty() && !target.contains("://") {
                assert!(root().join(folder).join(target).exists(), "{} links to {target}", path.display());
            }
        }
    }
}

fn openapi() -> Value {
    serde_norway::from_str(&read("openapi.yaml")).unwrap()
}

/// What a reference of openapi.yaml means, or the value itself.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"].as_str().map_or(value, |reference| document.pointer(reference.trim_start_matches('#')).unwrap())
}

#[test]
fn every_operation_has_an_example_of_all_that_it_takes_and_gives() {
    let document = openapi();
    let has_example = |media: &Value| media["examples"].as_object().is_some_and(|examples| !examples.is_empty());
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            let bodies = operation["requestBody"]["content"].as_object().into_iter().flatten();
            let responses = operation["responses"].as_object().unwrap();
            let answers = responses
                .values()
                .flat_map(|response| resolve(&document, response)["content"].as_object().into_iter().flatten());
            let mut media: Vec<_> = bodies.chain(answers).collect();
            assert!(media.iter().all(|(_, one)| has_example(one)), "{method} {path}");
            media.clear();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path} never succeeds");
        }
    }
}

#[test]
fn every_path_and_method_is_listed_once() {
    let text = read("openapi.yaml");
    let (mut path, mut seen, mut paths) = (String::new(), BTreeSet::new(), BTreeSet::new());
    for line in text.lines().skip_while(|line| *line != "paths:").take_while(|line| *line != "components:") {
        let key = line.trim();
        match line.len() - line.trim_start().len() {
            2 if key.starts_with('/') => {
                path = key.to_owned();
                assert!(paths.insert(key.to_owned()), "{key} stands twice");
            }
            4 if key.ends_with(':') => assert!(seen.insert(format!("{path} {key}")), "{path} {key} stands twice"),
            _ => {}
        }
    }
    assert_eq!(paths.len(), openapi()["paths"].as_object().unwrap().len());
}

#[test]
fn the_table_of_codes_is_the_schemas() {
    let document = openapi();
    let words = |list: &Value| -> BTreeSet<String> {
        list["enum"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let mut offered = BTreeMap::new();
    for response in document["components"]["responses"].as_object().unwrap().values() {
        let schema = &response["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"];
        offered.insert(schema["status"]["enum"][0].to_string(), words(resolve(&document, &schema["code"])));
    }
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in document["info"]["description"].as_str().unwrap().lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        if cells.len() > 3 && cells[1].parse::<u16>().is_ok() {
            assert!(
                told.entry(cells[1].to_owned()).or_default().insert(cells[2].trim_matches('`').to_owned()),
                "{line}"
            );
        }
    }
    assert_eq!(told, offered);
}

#[test]
fn the_finder_of_layers_finds() {
    let code = "use crate::fit::{A, B};\nuse crate::{\n    store::{C, D}, jobs,\n};\nlet x = crate::http::y; other_crate::z();";
    let expected: BTreeSet<_> = ["fit", "store", "jobs", "http"].map(str::to_owned).into();
    assert_eq!(crate_modules(code), expected);
    assert_eq!(without_tests("a\n#[cfg(test)]\nmod tests {\nb\n}"), "a");
}

#[test]
fn every_failpoint_is_reached_in_one_place() {
    let sources: String = sources("src").into_iter().map(|source| source.code).collect();
    for name in fitd::failpoints::ALL {
        assert_eq!(sources.matches(&format!("reach(\"{name}\")")).count(), 1, "{name}");
    }
}

#[test]
fn every_planted_fault_applies_and_says_what_finds_it() {
    for patch in files("tests/planted", &[".patch"]) {
        let text = read(&patch);
        assert!(text.starts_with("# found by: cargo test "), "{}", patch.display());
        let mut git = std::process::Command::new("git");
        let checked = git.args(["apply", "--check"]).arg(&patch).current_dir(root()).output();
        // Outside of a work tree there is nothing to apply it to.
        if root().join(".git").exists() {
            let checked = checked.unwrap();
            assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        }
    }
}

#[test]
fn what_the_build_reads_goes_to_the_image() {
    let ignored = read(".dockerignore");
    let sent: BTreeSet<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let mut found = 0;
    for source in sources("src") {
        for rest in source.code.split("include_str!(\"").skip(1) {
            let folder = source.path.strip_prefix(root()).unwrap_or(&source.path).parent().unwrap();
            let mut parts: Vec<&str> = folder.iter().map(|part| part.to_str().unwrap()).collect();
            for part in rest.split('"').next().unwrap().split('/') {
                match part {
                    ".." => parts.truncate(parts.len() - 1),
                    part => parts.push(part),
                }
            }
            found += 1;
            assert!(sent.contains(parts[0]), "{} is not sent to the builder", parts.join("/"));
        }
    }
    assert!(found > 10, "{found} files are read");
}
