//! The commands that fetch and use something, as a page shows them: the one that most people type, others of its sort a click away.

use wharf_model::api::kind::Command;

use super::html::Copy;

/// See the module.
#[derive(Default)]
pub struct Commands {
    /// Those that fetch it, one for each client.
    pub fetch: Vec<Line>,
    /// The others, by what they do.
    pub others: Vec<Group>,
}

/// Commands that do the same.
pub struct Group {
    /// What they do.
    pub does: String,
    /// They.
    pub lines: Vec<Line>,
}

/// A command.
pub struct Line {
    /// Tells it from others on the page.
    pub id: String,
    /// The program that it needs.
    pub client: String,
    /// It.
    pub text: String,
    /// Copies it.
    pub copy: Copy,
}

impl Line {
    fn new(at: usize, command: Command) -> Line {
        Line {
            id: format!("client-{at}"),
            copy: Copy::new("the command", &*command.text),
            client: command.client,
            text: command.text,
        }
    }
}

impl Commands {
    /// All of them.
    pub fn new(commands: Vec<Command>) -> Commands {
        let mut all = Commands::default();
        for (at, command) in commands.into_iter().enumerate() {
            let does = command.does.clone();
            let line = Line::new(at, command);
            if does == "pull" && all.fetch.iter().all(|known| known.client != line.client) {
                all.fetch.push(line);
                continue;
            }
            let title = title(&does);
            match all.others.iter_mut().find(|group| group.does == title) {
                Some(group) => group.lines.push(line),
                None => all.others.push(Group { does: title, lines: vec![line] }),
            }
        }
        all
    }

    /// Only those that fetch it.
    pub fn fetching(commands: Vec<Command>) -> Commands {
        Commands { others: Vec::new(), ..Commands::new(commands) }
    }
}

fn title(does: &str) -> String {
    match does {
        "pull" => "Fetch in another way",
        "use" => "Use",
        "inspect" => "Look inside",
        "verify" => "Verify",
        "copy" => "Copy",
        "push" => "Push another one",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_for_each_client() {
        let command = |does: &str, client: &str, text: &str| Command {
            does: does.to_owned(),
            client: client.to_owned(),
            form: "shell".to_owned(),
            text: text.to_owned(),
            verified: true,
        };
        let all = Commands::new(vec![
            command("pull", "helm", "helm pull x"),
            command("pull", "wharf", "wharf pull x"),
            command("pull", "wharf", "wharf copy x"),
            command("use", "helm", "helm install x"),
        ]);
        let fetch: Vec<&str> = all.fetch.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(fetch, ["helm pull x", "wharf pull x"]);
        let others: Vec<&str> = all.others.iter().map(|group| group.does.as_str()).collect();
        assert_eq!(others, ["Fetch in another way", "Use"]);
    }
}
