//! The example plans in the binary, for `plan init`.

use crate::packed;
use crate::packed::Packed;
use crate::yaml;

/// A plan with the files that it reads.
#[derive(Debug)]
pub struct Example {
    /// The name of its file, without extension.
    pub name: &'static str,
    /// The plan's text.
    text: Packed,
    /// Path relative to the plan, and text, of each file that it reads.
    beside: &'static [(&'static str, Packed)],
}

macro_rules! example {
    ($name:literal $(, $beside:literal)*) => {
        Example {
            name: $name,
            text: packed!("examples/", $name, ".yaml"),
            beside: &[$(($beside, packed!("examples/", $beside))),*],
        }
    };
}

/// All examples; the first is the default.
pub const EXAMPLES: &[Example] = &[
    example!("web-server", "cloud-init/web-server.yaml"),
    example!("private-vm-floating-ip"),
    example!("load-balancer", "cloud-init/web-server.yaml"),
    example!("kubernetes"),
    example!("postgres"),
    example!("file-share"),
    example!("two-regions"),
    example!("image-by-name"),
    example!("cloud-init", "cloud-init/app.yaml"),
    example!("demo-site"),
    example!("object-storage"),
    example!("fastedge", "fastedge/app.wasm"),
    example!("waap"),
];

impl Example {
    /// The example of that name.
    pub fn named(name: &str) -> Option<&'static Example> {
        EXAMPLES.iter().find(|example| example.name == name)
    }

    /// The description in the plan.
    pub fn description(&self) -> String {
        let parsed = yaml::parse(&self.text.text());
        let description = parsed.root.as_ref().and_then(|root| root.get("description")?.as_str());
        description.unwrap_or_default().to_owned()
    }

    /// Path relative to the plan, and text, of each file that it reads.
    pub fn beside(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.beside.iter().map(|(path, packed)| (*path, packed.text()))
    }

    /// The command that runs the plan as `file` in an account, with the inputs that it needs there: as its comments say.
    pub fn run(&self, file: &str) -> String {
        let text = self.text_as(file);
        let mut comments = text.lines().filter_map(|line| line.strip_prefix("#   "));
        comments.find(|line| line.contains("plan run ")).map_or_else(|| format!("plan run {file}"), str::to_owned)
    }

    /// The plan as a separate file: with a line that names the schema for editors, and with `file` in its comments.
    pub fn plan(&self, schema: &str, file: &str) -> String {
        format!("# yaml-language-server: $schema={schema}\n{}", self.text_as(file))
    }

    fn text_as(&self, file: &str) -> String {
        self.text.text().replace(&format!("examples/{}.yaml", self.name), file)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_example_of_the_repository_is_in_the_binary() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap();
        let paths = folder.map(|entry| entry.unwrap().path());
        let plans: BTreeSet<String> = paths
            .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        let embedded: BTreeSet<String> = EXAMPLES.iter().map(|example| example.name.to_owned()).collect();
        assert_eq!(embedded, plans);
    }

    #[test]
    fn every_example_says_what_it_makes_and_names_its_own_file() {
        for example in EXAMPLES {
            assert!(!example.description().is_empty(), "{}", example.name);
            let plan = example.plan("plan.schema.json", "deploy.yaml");
            assert!(plan.starts_with("# yaml-language-server: $schema=plan.schema.json\n"), "{plan}");
            assert!(!plan.contains("examples/"), "{plan}");
        }
    }

    #[test]
    fn an_image_that_no_account_has_is_replaced_by_the_command_that_runs_it() {
        for example in EXAMPLES {
            let run = example.run("deploy.yaml");
            assert!(run.contains("plan run deploy.yaml"), "{run}");
            let has_image = example.text.text().contains("\n  image_id:\n");
            assert_eq!(run.contains(" --set image_id=ID"), has_image, "{}: {run}", example.name);
        }
    }
}
