//! The arguments: parsed here, and nothing else done with them.

pub mod access;
pub mod apply;
pub mod attach;
pub mod blob;
pub mod bundle;
pub mod cnab;
pub mod copy;
pub mod end;
pub mod event;
pub mod group;
pub mod inside;
pub mod kinds;
pub mod login;
pub mod manifest;
pub mod member;
pub mod probe;
pub mod project;
pub mod push;
pub mod reference;
pub mod remote;
pub mod repository;
pub mod robot;
pub mod role;
pub mod search;
pub mod share;
pub mod token;
pub mod trash;
pub mod user;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use wharf_server::config::{Given, Origin};

/// One registry for everything a team ships.
#[derive(Debug, Parser)]
#[command(
    name = "wharf",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        wharf serve                                     a registry on 127.0.0.1:5000, kept in ./wharf-data\n  \
        wharf serve --open                              without login, for this machine only\n  \
        wharf config                                    what is in force, and where it came from\n  \
        wharf login -u admin                            log in, here and for other clients\n  \
        wharf member add -p acme kim --role contributor let kim push to acme/…\n  \
        wharf <command> --help                          more about one command"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the registry.
    #[command(
        after_help = "Every setting can also be given by the environment and in a file; `wharf config` lists them all.\n\n\
        Examples:\n  \
        wharf serve --listen 127.0.0.1:0 --data /tmp/wharf --open\n  \
        wharf serve --listen 0.0.0.0:443 --url https://registry.example.com \\\n    --set tls.cert=cert.pem --set tls.key=key.pem\n  \
        WHARF_LOG__FORMAT=json wharf serve --config /etc/wharf.toml\n  \
        wharf serve --ledger postgres://wharf:secret@db/wharf"
    )]
    Serve(SettingArgs),
    /// Print the settings in force, and where each value came from.
    #[command(
        after_help = "What it prints is a configuration file that says the same, but for the password of the ledger: that is left out.\n\n\
        Examples:\n  \
        wharf config\n  \
        wharf config --config /etc/wharf.toml --json"
    )]
    Config(ConfigArgs),
    /// Log in to a registry; docker, podman, skopeo and others find the login too.
    #[command(
        // It is about a registry and nothing else.
        mut_args(|arg| arg.help_heading(None::<&'static str>)),
        after_help = "It is kept in $DOCKER_CONFIG/config.json, else ~/.docker/config.json, or by the helper that is set there.\n\n\
        Examples:\n  \
        wharf login -u admin                            asks for the password\n  \
        wharf login registry.example.com -u acme+ci --password-stdin < secret\n  \
        wharf login registry.internal --ca-file ca.pem"
    )]
    Login(login::LoginArgs),
    /// Forget the login to a registry.
    #[command(after_help = "Examples:\n  wharf logout\n  wharf logout registry.example.com")]
    Logout(login::LogoutArgs),
    /// Copy images and artifacts: between registries, folders and archives, with what refers to them.
    #[command(
        after_help = "What is there already does not travel, so that after an interruption repeating it sends the rest. Standard output gets the digest.\n\n\
        Examples:\n  \
        wharf copy nginx:1.27 registry.example.com/mirror/nginx:1.27\n  \
        wharf copy nginx:1.27 registry.example.com/mirror/nginx:1.27 --platform linux/amd64,linux/arm64\n  \
        wharf copy registry.example.com/acme/app registry.internal/acme/app --tags 'v1.*'\n  \
        wharf copy registry.example.com/acme/app:1.0 oci:folder\n  \
        wharf copy debian:12 docker-archive:debian.tar --platform linux/amd64 --single\n  \
        wharf copy oci-archive:app.tar registry.internal/acme/app:1.0 --dry-run\n  \
        wharf copy --bundle registry.example.com/acme/deploy:1.0 oci-archive:deploy.tar"
    )]
    Copy(copy::CopyArgs),
    /// Bundles: a folder of Kubernetes YAML with the images that it needs, as imgpkg has them.
    #[command(
        after_help = "Each image that the YAML names is locked to its digest; `wharf copy --bundle` moves the folder with all of them.\n\n\
        Examples:\n  \
        wharf bundle lock deploy\n  \
        wharf bundle push deploy registry.example.com/acme/deploy:1.0\n  \
        wharf copy --bundle registry.example.com/acme/deploy:1.0 oci-archive:deploy.tar      over the air gap, and there:\n  \
        wharf copy --bundle oci-archive:deploy.tar registry.internal/acme/deploy:1.0\n  \
        wharf bundle pull registry.internal/acme/deploy:1.0 deploy\n  \
        wharf bundle resolve deploy | kubectl apply -f -"
    )]
    Bundle(bundle::BundleArgs),
    /// Bundles of CNAB, as cnab-to-oci and Porter have them: a bundle.json with its images, in one repository.
    #[command(after_help = "Examples:\n  \
        wharf cnab push bundle.json registry.example.com/acme/shop:1.0\n  \
        wharf cnab copy registry.example.com/acme/shop:1.0 registry.internal/acme/shop:1.0\n  \
        wharf cnab pull registry.internal/acme/shop:1.0 shop")]
    Cnab(cnab::CnabArgs),
    /// Push a folder, or files, to any registry.
    #[command(
        after_help = "A folder becomes an artifact whose digest depends on its content alone, cut into layers so that after a change only those\n\
        that hold it travel again; other tools read it as an image. Files become what oras makes of them. Standard output gets the digest.\n\n\
        Examples:\n  \
        wharf push ~/.m2 registry.example.com/acme/m2:latest\n  \
        wharf push site registry.example.com/acme/site:1.0 --exclude '*.map' --expires 24h\n  \
        wharf push report.pdf data.csv registry.example.com/acme/report:2026-11\n  \
        wharf push app.spdx.json registry.example.com/acme/app --subject :1.0 \\\n    --artifact-type application/spdx+json"
    )]
    Push(push::PushArgs),
    /// Pull an artifact or an image into a folder.
    #[command(
        after_help = "What is there already is not fetched, and what does not verify never comes into place. Standard output gets the digest.\n\n\
        Examples:\n  \
        wharf pull registry.example.com/acme/m2:latest ~/.m2\n  \
        wharf pull registry.example.com/acme/site:1.0 /srv/www --sync\n  \
        wharf pull debian:12 rootfs --platform linux/arm64"
    )]
    Pull(push::PullArgs),
    /// Find out what a registry takes and does, for `copy` and `push` to go by.
    #[command(
        after_help = "It is found out by pushing small things to a repository, which are taken away again; what was found is believed for\n\
        30 days. What a registry lacks is got round where digests can be kept, and else nothing is sent.\n\n\
        Examples:\n  \
        wharf probe registry.example.com\n  \
        wharf probe registry.example.com/acme/try       where you may push\n  \
        wharf probe localhost:5000 --json"
    )]
    Probe(probe::ProbeArgs),
    /// List the repositories of a registry, the tags of a repository, a folder or an archive, or the files inside of an image.
    #[command(
        after_help = "Files are those that the layers make together; symbolic links are followed within them. Only layers that matter are fetched.\n\n\
        Examples:\n  \
        wharf ls                                        those of $WHARF_REGISTRY, else of 127.0.0.1:5000\n  \
        wharf ls registry.example.com\n  \
        wharf ls registry.example.com/acme/app          its tags\n  \
        wharf ls registry.example.com/acme/app:1.0:/    the files inside\n  \
        wharf ls -lR debian:12:/etc/apt --platform linux/arm64\n  \
        wharf ls oci:folder:1.0:/etc --json"
    )]
    Ls(reference::LsArgs),
    /// Print files inside of images and artifacts.
    #[command(
        after_help = "Nothing is printed before the layer that holds it has been read to its end and verified; of the layers, only those\n\
        are fetched that can have a say: the topmost first.\n\n\
        Examples:\n  \
        wharf cat debian:12:/etc/os-release\n  \
        wharf cat registry.example.com/acme/report:2026-11:/data.csv | head\n  \
        wharf cat oci:folder:1.0:/app/a.json oci:folder:1.0:/app/b.json\n  \
        wharf cat oci-archive:app.tar:/var/log/big.log --range -4096"
    )]
    Cat(inside::CatArgs),
    /// Tell what is not the same in two images or artifacts, or in one and a folder: what is said of them, layers, files.
    #[command(
        after_help = "- was there, + is there now, ~ is not what it was. Times of files do not count. The exit code is 1 where they are not the same.\n\
        Of two indexes the images for each platform are compared by digest; --platform looks into one.\n\
        With a folder, the files are compared that a push would take: without owners, and with permissions as a push makes them.\n\n\
        Examples:\n  \
        wharf diff registry.example.com/acme/app:1.0 registry.example.com/acme/app:1.1\n  \
        wharf diff debian:12 debian:12-slim --platform linux/amd64\n  \
        wharf diff nginx:1.27 registry.example.com/mirror/nginx:1.27 --no-files --json\n  \
        wharf diff oci:build registry.example.com/acme/app:1.0 && echo nothing to push\n  \
        wharf diff registry.example.com/acme/site:1 ./site"
    )]
    Diff(inside::DiffArgs),
    /// Tell what something is: kind, facts, platforms, layers, annotations, and how much refers to it.
    #[command(
        after_help = "JSON is what the API of Wharf tells of an artifact, whatever registry or folder it is in.\n\n\
        Examples:\n  \
        wharf inspect nginx:1.27\n  \
        wharf inspect registry.example.com/acme/app:1.0 --platform linux/arm64\n  \
        wharf inspect oci-archive:app.tar --json\n  \
        wharf inspect nginx:1.27 --raw | sha256sum"
    )]
    Inspect(reference::InspectArgs),
    /// Print the digest of what a reference names.
    #[command(after_help = "Examples:\n  \
        wharf digest nginx:1.27\n  \
        wharf digest registry.example.com/acme/app:1.0 --platform linux/arm64\n  \
        wharf digest oci:folder:1.0")]
    Digest(reference::DigestArgs),
    /// Show something with its children, and all that refers to any of it, as a tree.
    #[command(
        after_help = "What refers to something has an arrow before it. Signatures of cosign are found by their tags, too.\n\n\
        Examples:\n  \
        wharf tree registry.example.com/acme/app:1.0\n  \
        wharf tree oci:folder:1.0 --json"
    )]
    Tree(reference::LookArgs),
    /// List what refers to something: signatures, SBOMs, attestations.
    #[command(after_help = "Examples:\n  \
        wharf discover registry.example.com/acme/app:1.0\n  \
        wharf discover registry.example.com/acme/app:1.0 --artifact-type application/spdx+json --json")]
    Discover(reference::DiscoverArgs),
    /// Kinds of artifacts: which there are, which one something is, and why.
    #[command(after_help = "Examples:\n  wharf kinds list\n  wharf kinds test registry.example.com/acme/chart:1.0")]
    Kinds(kinds::KindsArgs),
    /// Attach files to something: an SBOM, a report. Prints their digest.
    #[command(
        after_help = "It has no tag: `wharf discover` and `wharf tree` find it, and `wharf copy` takes it along.\n\n\
        Examples:\n  \
        wharf attach registry.example.com/acme/app:1.0 app.spdx.json --artifact-type application/spdx+json\n  \
        wharf attach registry.example.com/acme/app:1.0 scan.json:application/json \\\n    --artifact-type application/vnd.acme.scan -a by=ci"
    )]
    Attach(attach::AttachArgs),
    /// Make a link that opens something of an artifact without a login, until it ends. Prints its address.
    #[command(
        after_help = "It takes the right to pull, and a project that allows links: wharf project set PROJECT --share yes.\n\
        The link ends at its time, and earlier when one may not pull it any more, gets another password, or the artifact is deleted.\n\n\
        Examples:\n  \
        wharf share registry.example.com/acme/report:2026-11                     all of it, as a tar, for a day\n  \
        wharf share registry.example.com/acme/report:2026-11 data.csv --for 7d\n  \
        wharf share registry.example.com/acme/app:1.0 usr/share/doc --as zip --for 30m"
    )]
    Share(share::ShareArgs),
    /// Give more tags to what is there; nothing is copied. Prints its digest.
    #[command(after_help = "Examples:\n  \
        wharf tag registry.example.com/acme/app:1.0.3 1.0 1 latest\n  \
        wharf tag registry.example.com/acme/app@sha256:… 1.0")]
    Tag(reference::TagArgs),
    /// Delete manifests with all their tags, or tags alone.
    #[command(
        after_help = "A Wharf registry keeps what was deleted for a while: `wharf trash list`, `wharf restore`.\n\n\
        Examples:\n  \
        wharf rm registry.example.com/acme/app:1.0      what it points to, with all tags of that\n  \
        wharf rm registry.example.com/acme/app:old --tag-only\n  \
        wharf rm registry.example.com/acme/app@sha256:… --yes"
    )]
    Rm(reference::RmArgs),
    /// Manifests, byte for byte.
    #[command(after_help = "Examples:\n  \
        wharf manifest get registry.example.com/acme/app:1.0\n  \
        wharf manifest put registry.example.com/acme/app:1.0 manifest.json")]
    Manifest(manifest::ManifestArgs),
    /// Blobs, byte for byte.
    #[command(after_help = "Examples:\n  \
        wharf blob get registry.example.com/acme/app@sha256:… -o layer.tar\n  \
        wharf blob put registry.example.com/acme/app layer.tar")]
    Blob(blob::BlobArgs),
    /// Projects: what repositories are grouped by, and what is set for all of them.
    #[command(after_help = "Examples:\n  wharf project list\n  wharf project create acme --quota 100GiB")]
    Project(project::ProjectArgs),
    /// Repositories: what is pushed to and pulled from.
    #[command(after_help = "Examples:\n  wharf repository list acme\n  wharf repository delete acme/app")]
    Repository(repository::RepositoryArgs),
    /// Who is given what: in a project, or in the system.
    #[command(after_help = "Examples:\n  wharf member list -p acme\n  wharf member add -p acme kim --role contributor")]
    Member(member::MemberArgs),
    /// What projects use, and may use.
    #[command(after_help = "Examples:\n  wharf quota show acme\n  wharf quota set acme --bytes 100GiB")]
    Quota(project::QuotaArgs),
    /// Users.
    #[command(after_help = "Examples:\n  wharf user list\n  wharf user create kim")]
    User(user::UserArgs),
    /// Groups of users.
    #[command(after_help = "Examples:\n  wharf group list\n  wharf group set devs --add kim,lee")]
    Group(group::GroupArgs),
    /// Robots: accounts for machines.
    #[command(after_help = "Examples:\n  wharf robot list -p acme\n  wharf robot create acme+ci --role contributor")]
    Robot(robot::RobotArgs),
    /// Personal tokens: what scripts log in with in place of a password.
    #[command(after_help = "Examples:\n  wharf token list\n  wharf token create laptop --expires 90d")]
    Token(token::TokenArgs),
    /// Roles: named sets of permissions.
    #[command(after_help = "Examples:\n  wharf role list\n  wharf role show contributor")]
    Role(role::RoleArgs),
    /// Why somebody may or may not do something.
    #[command(after_help = "Examples:\n  wharf access explain kim push acme/app")]
    Access(access::AccessArgs),
    /// Make all that is configured as documents say: projects, people, roles, what is given to whom. All or nothing.
    #[command(
        after_help = "What a document does not name stays as it is; of a list that it has, what is not on it goes.\n\
        Several files, several documents in a file and the files of a folder are put together.\n\n\
        Examples:\n  \
        wharf apply -f registry.yaml --dry-run          tells what would change\n  \
        wharf apply -f teams/ --yes\n  \
        wharf export config --registry old.example.com | wharf apply -f - --registry new.example.com"
    )]
    Apply(apply::ApplyArgs),
    /// Print what is configured, as documents that `wharf apply` reads.
    #[command(after_help = "Examples:\n  wharf export config > registry.yaml")]
    Export(apply::ExportArgs),
    /// How a tag came to point where it does: who moved it, when, from what, with what client.
    #[command(
        after_help = "Examples:\n  wharf history acme/app:1.0\n  wharf history registry.example.com/acme/app:latest --json"
    )]
    History(trash::HistoryArgs),
    /// Find what there is by what is in it: names, kinds, titles, tags, licences, platforms, labels.
    #[command(after_help = search::help())]
    Search(search::SearchArgs),
    /// What happened in a registry, a project or a repository: pushes, deletions, tags that moved.
    #[command(
        after_help = "Told is what happened where one may pull, and to projects that one may see; the latest comes first.\n\n\
        Examples:\n  \
        wharf events\n  \
        wharf events -p acme -n 500\n  \
        wharf events --repository acme/app --json"
    )]
    Events(event::EventsArgs),
    /// Take something out of the trash, or point a tag to what it pointed to before.
    #[command(after_help = "Examples:\n  \
        wharf restore acme/app:1.0                      the tag, as it was before it was moved or deleted\n  \
        wharf restore acme/app@sha256:…                 a manifest, with the tags it had\n  \
        wharf restore --repository acme/app\n  \
        wharf restore --project acme\n  \
        wharf restore 0f8e4bb1c9d24f4d8a5b6a7c8d9e0f10  by its identifier in `wharf trash list`")]
    Restore(trash::RestoreArgs),
    /// What was deleted and can be restored.
    #[command(after_help = "Examples:\n  wharf trash list\n  wharf trash list -p acme")]
    Trash(trash::TrashArgs),
    /// Take something out of the trash for good, before its time.
    #[command(after_help = "Examples:\n  \
        wharf purge acme/app@sha256:…\n  \
        wharf purge --repository acme/app --yes\n  \
        wharf purge 0f8e4bb1c9d24f4d8a5b6a7c8d9e0f10  by its identifier in `wharf trash list`")]
    Purge(trash::PurgeArgs),
    /// Look after an installation whose server does not run.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Print what a shell reads to complete these commands.
    #[command(after_help = "Examples:\n  \
        wharf completions bash > /etc/bash_completion.d/wharf\n  \
        wharf completions zsh > ~/.zfunc/_wharf")]
    Completions(CompletionsArgs),
    /// Print the manual page of wharf, or write those of all commands into a folder.
    #[command(after_help = "Examples:\n  \
        wharf man | man -l -\n  \
        wharf man /usr/local/share/man/man1             wharf.1, wharf-push.1 and all others")]
    Man(ManArgs),
    /// Print the version.
    Version,
}

/// The commands under `admin`.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Give the user admin a new password; the server must be stopped. The user is made where it is missing.
    #[command(
        after_help = "All else that admin could log in with ends: its personal tokens, and what other clients remember.\n\n\
        Examples:\n  \
        wharf admin reset --data /var/lib/wharf         prints a new random password\n  \
        wharf admin reset --password-stdin < file       takes the first line of a file"
    )]
    Reset(ResetArgs),
}

/// Settings as flags.
#[derive(Debug, Default, Args)]
pub struct SettingArgs {
    /// IP address and port to accept connections on; port 0 picks a free one [default: 127.0.0.1:5000]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// The folder for everything that is kept [default: ./wharf-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// The public address; unless set, it is taken from each request
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Let everybody push, pull and delete without login, from this machine only; or, with =any-address, from anywhere
    #[arg(long, value_name = "WHOM", num_args = 0..=1, require_equals = true, default_missing_value = "loopback")]
    pub open: Option<String>,
    /// Where the ledger is: a path, or postgres://… [default: ledger.db in the data folder]
    #[arg(long, value_name = "PATH|URL")]
    pub ledger: Option<String>,
    /// Where the blobs are: a folder [default: blobs in the data folder]
    #[arg(long, value_name = "PATH|URL")]
    pub store: Option<String>,
    /// Any setting by its key, as in log.format=json; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// A TOML file with settings [env: WHARF_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl SettingArgs {
    /// The settings that were given. What has no `=` is a key without a value.
    pub fn given(&self) -> Vec<Given> {
        let flags = [
            ("listen", &self.listen),
            ("data", &self.data),
            ("url", &self.url),
            ("open", &self.open),
            ("ledger", &self.ledger),
            ("store", &self.store),
        ];
        let flags = flags.into_iter().filter_map(|(key, text)| {
            let text = text.clone()?;
            Some(Given { key: key.to_owned(), text, origin: Origin::Flag(format!("--{key}")) })
        });
        let set = self.set.iter().map(|pair| {
            let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
            Given { key: key.to_owned(), text: text.to_owned(), origin: Origin::Flag("--set".to_owned()) }
        });
        flags.chain(set).collect()
    }
}

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The settings.
    #[command(flatten)]
    pub settings: SettingArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print the page that documents every setting
    #[arg(long, hide = true)]
    pub page: bool,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell
    pub shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder; made where there is none
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// Arguments of `admin reset`.
#[derive(Debug, Args)]
pub struct ResetArgs {
    /// The settings; only where data and ledger are matters.
    #[command(flatten)]
    pub settings: SettingArgs,
    /// Read the new password from standard input, up to the end of the line, instead of making one up
    #[arg(long)]
    pub password_stdin: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use clap::CommandFactory as _;
    use wharf_server::config::settings::SETTINGS;

    use super::*;

    #[test]
    fn every_flag_of_the_table_is_there_and_no_other() {
        Cli::command().debug_assert();
        let cli = Cli::command();
        let serve = cli.find_subcommand("serve").expect("serve is there");
        let long = serve.get_arguments().filter_map(|arg| arg.get_long()).map(|long| format!("--{long}"));
        let ours: Vec<String> = long.filter(|flag| flag != "--set" && flag != "--config").collect();
        let table: Vec<&str> = SETTINGS.iter().filter_map(|setting| setting.flag).collect();
        assert_eq!(ours, table);
    }

    #[test]
    fn open_takes_its_value_only_with_an_equals_sign() {
        let open = |args: &[&str]| match Cli::try_parse_from([&["wharf", "serve"], args].concat()).unwrap().command {
            Command::Serve(args) => args.given().iter().map(|given| given.text.clone()).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(open(&["--open"]), ["loopback"]);
        assert_eq!(open(&["--open=any-address"]), ["any-address"]);
        assert_eq!(open(&["--open", "--data", "x"]), ["x", "loopback"]);
        assert_eq!(open(&["--set", "log.format=json"]), ["json"]);
        assert!(Cli::try_parse_from(["wharf", "serve", "--open", "any-address"]).is_err());
    }
}
