//! Fills the search index of a server that is stopped, as if very much had been pushed: for `cargo xtask bench search`.
//!
//! ```sh
//! cargo run --release -p wharf-store --example search_fixture -- DATA/search.db|postgres://... [PERCENT] [QUERIES]
//! ```
//!
//! With a file of queries, each is asked of the index itself, which need not have been made before; how long each took is told.
//!
//! What it puts there is in no ledger: the server finds it until the index is made anew. At 100 percent: 100,000 artifacts in 5,000
//! repositories of 200 projects; 20,000 of them images over 30,000 layers with 5 million files, 10,000 bills of materials with a million
//! packages. The same each time.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "it is a tool for developers")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wharf_model::digest::{Algorithm, Digest};
use wharf_model::name::{RepositoryName, Tag};
use wharf_model::search::{Query, Term};
use wharf_store::ledger::readable::Readable;
use wharf_store::open;
use wharf_store::search::{Asked, Contents, Document, Inside, Package, Rank, Search, Source, Standing, Update};

const IMAGES: u64 = 20_000;
const BILLS: u64 = 10_000;
const SIGNATURES: u64 = 10_000;
const CHARTS: u64 = 20_000;
const OTHERS: u64 = 40_000;
const LAYERS: u64 = 30_000;
/// Layers that many images share, and how many files one has.
const BASES: u64 = 300;
const BASE_FILES: u64 = 3_000;
const FILES: u64 = 138;
const PACKAGES: u64 = 100;
const REPOSITORIES: u64 = 5_000;
const PROJECTS: u64 = 200;
/// Numbers of manifests that are far above those of any that is pushed while it is measured.
const NUMBERS: u64 = 1 << 40;
const CHUNK: usize = 256;
/// How often a query is asked.
const TURNS: usize = 9;

const NAMES: [&str; 40] = [
    "redis",
    "nginx",
    "postgres",
    "mysql",
    "kafka",
    "grafana",
    "prometheus",
    "alertmanager",
    "loki",
    "tempo",
    "vault",
    "consul",
    "traefik",
    "envoy",
    "istio",
    "cert-manager",
    "external-dns",
    "argo-cd",
    "flux",
    "harbor",
    "keycloak",
    "minio",
    "etcd",
    "coredns",
    "airflow",
    "spark",
    "jupyter",
    "mlflow",
    "elastic",
    "kibana",
    "logstash",
    "fluent-bit",
    "jaeger",
    "zipkin",
    "rabbitmq",
    "nats",
    "mongo",
    "cassandra",
    "clickhouse",
    "trino",
];
const PARTS: [&str; 12] =
    ["api", "web", "worker", "operator", "exporter", "proxy", "agent", "server", "client", "ui", "tools", "init"];
const WORDS: [&str; 24] = [
    "fast",
    "secure",
    "cache",
    "database",
    "queue",
    "metrics",
    "logs",
    "tracing",
    "gateway",
    "payments",
    "orders",
    "search",
    "stream",
    "batch",
    "storage",
    "network",
    "identity",
    "policy",
    "backup",
    "scheduler",
    "billing",
    "events",
    "profile",
    "catalog",
];
const FOLDERS: [&str; 10] = [
    "usr/bin/",
    "usr/lib/x86_64-linux-gnu/",
    "usr/share/doc/",
    "etc/",
    "usr/lib/python3/dist-packages/",
    "opt/app/lib/",
    "app/node_modules/",
    "usr/local/bin/",
    "var/lib/dpkg/info/",
    "usr/share/zoneinfo/",
];
const TOOLS: [&str; 10] = [
    "curl",
    "bash",
    "openssl",
    "python3",
    "__init__.py",
    "package.json",
    "log4j-core.jar",
    "passwd",
    "os-release",
    "copyright",
];
const LICENSES: [&str; 6] = ["MIT", "Apache-2.0", "GPL-3.0-only", "BSD-3-Clause", "MIT OR Apache-2.0", "MPL-2.0"];
const ECOSYSTEMS: [&str; 5] = ["npm", "maven", "deb", "pypi", "golang"];

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn of(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides.max(1)
    }

    /// Small numbers far more often than large ones.
    fn skewed(&mut self, sides: u64) -> u64 {
        let most = self.roll(sides) + 1;
        let most = self.roll(most) + 1;
        self.roll(most)
    }

    fn one(&mut self, of: &[&'static str]) -> &'static str {
        of[self.roll(of.len() as u64) as usize]
    }
}

fn digest(what: &str, number: u64) -> Digest {
    Digest::of(Algorithm::Sha256, format!("{what} {number}").as_bytes())
}

fn repository(number: u64) -> RepositoryName {
    let mut dice = Dice::of(number);
    let (name, part) = (dice.one(&NAMES), dice.one(&PARTS));
    format!("team{:03}/{name}-{part}-{}", number % PROJECTS, number / PROJECTS).parse().expect("a name")
}

/// All of them, scaled down by percent.
struct Fixture {
    percent: u64,
}

impl Fixture {
    fn scaled(&self, count: u64) -> u64 {
        (count * self.percent / 100).max(1)
    }

    fn documents(&self) -> impl Iterator<Item = Document> + '_ {
        let counts = [IMAGES, BILLS, SIGNATURES, CHARTS, OTHERS].map(|count| self.scaled(count));
        let total: u64 = counts.iter().sum();
        (0..total).map(move |number| {
            let (mut at, mut sort) = (number, 0);
            while at >= counts[sort] {
                at -= counts[sort];
                sort += 1;
            }
            self.document(number, at, sort)
        })
    }

    fn document(&self, number: u64, at: u64, sort: usize) -> Document {
        let mut dice = Dice::of(number + 7);
        // What is attached is where its subject is: the image of the same number.
        let place = if sort < 3 { at } else { number };
        let kind = ["image", "spdx-sbom", "cosign-signature", "helm-chart", "file"][sort];
        let rank = if matches!(sort, 1 | 2) { Rank::Attached } else { Rank::Tagged };
        let version = format!("{}.{}.{}", 1 + place / REPOSITORIES, dice.roll(20), dice.roll(30));
        let tags: Vec<Tag> = if rank == Rank::Tagged { vec![version.parse().expect("a tag")] } else { Vec::new() };
        let words = |dice: &mut Dice, count: u64| -> String {
            (0..count).map(|_| dice.one(&WORDS)).collect::<Vec<_>>().join(" ")
        };
        Document {
            number: NUMBERS + number,
            repository: repository(place % self.scaled(REPOSITORIES)),
            public: place % PROJECTS < 10,
            digest: digest("manifest", number),
            subject: (rank == Rank::Attached).then(|| digest("manifest", at)),
            rank,
            is_signature: sort == 2,
            kind: kind.to_owned(),
            title: words(&mut dice, 3),
            summary: words(&mut dice, 8),
            description: words(&mut dice, 60),
            version,
            size: Some(dice.roll(1 << 30)),
            pushed_at: 1_700_000_000_000 + number as i64 * 600_000,
            tags_total: tags.len() as u64,
            tags,
            platforms: if sort == 0 { vec![dice.one(&["linux/amd64", "linux/arm64"]).to_owned()] } else { Vec::new() },
            licenses: vec![dice.one(&LICENSES).to_owned()],
            maintainers: vec![format!("Person {} p{}@example.com", dice.roll(500), dice.roll(500))],
            keywords: vec![dice.one(&WORDS).to_owned()],
            labels: vec![("team".to_owned(), dice.one(&WORDS).to_owned())],
            annotations: vec![("org.example.tier".to_owned(), dice.roll(5).to_string())],
            sources: match sort {
                0 => self.layers(at, &mut dice),
                1 => vec![Source { digest: digest("bill", at), inside: Inside::Packages, names: None }],
                _ => Vec::new(),
            },
            children: Vec::new(),
        }
    }

    /// Two that many share, and those that are its own, so that every layer is named.
    fn layers(&self, image: u64, dice: &mut Dice) -> Vec<Source> {
        let (layers, bases, images) = (self.scaled(LAYERS), self.scaled(BASES), self.scaled(IMAGES));
        let own = (0..).map(|turn| bases + image + turn * images).take_while(|layer| *layer < layers);
        let all = [dice.skewed(bases), dice.skewed(bases)].into_iter().chain(own);
        all.map(|layer| Source { digest: digest("layer", layer), inside: Inside::Files, names: None }).collect()
    }

    fn contents(&self) -> impl Iterator<Item = Update> + '_ {
        let layers = (0..self.scaled(LAYERS)).map(|layer| {
            let files = Contents::Files(files(layer, if layer < self.scaled(BASES) { BASE_FILES } else { FILES }));
            Update::Contents { source: digest("layer", layer), inside: Inside::Files, contents: files, is_last: true }
        });
        let bills = (0..self.scaled(BILLS)).map(|bill| {
            let packages = Contents::Packages(packages(bill));
            Update::Contents {
                source: digest("bill", bill),
                inside: Inside::Packages,
                contents: packages,
                is_last: true,
            }
        });
        layers.chain(bills)
    }
}

fn files(layer: u64, count: u64) -> Vec<String> {
    let mut dice = Dice::of(layer + 1_000_000);
    let mut all: Vec<String> = (0..count)
        .map(|at| {
            let folder = dice.one(&FOLDERS);
            match dice.roll(4) {
                0 => format!("{folder}{}", dice.one(&TOOLS)),
                1 => format!("{folder}pkg{}/{}", dice.skewed(3_000), dice.one(&TOOLS)),
                2 => format!("{folder}pkg{}/file{}.py", dice.skewed(3_000), dice.roll(200)),
                _ => format!("{folder}l{layer}-{at}"),
            }
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn packages(bill: u64) -> Vec<Package> {
    let mut dice = Dice::of(bill + 2_000_000);
    let mut all: Vec<(String, &str, String)> = (0..PACKAGES)
        .map(|at| {
            let ecosystem = dice.one(&ECOSYSTEMS);
            let version = format!("{}.{}.{}", dice.roll(4), dice.skewed(20), dice.roll(3));
            match at {
                0 => (
                    "org.apache.logging.log4j/log4j-core".to_owned(),
                    "maven",
                    format!("2.{}.{}", dice.roll(20), dice.roll(3)),
                ),
                1 => ("debian/openssl".to_owned(), "deb", format!("3.0.{}-1~deb12u{}", dice.roll(15), dice.roll(4))),
                _ => (format!("lib{}", dice.skewed(20_000)), ecosystem, version),
            }
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    let package =
        |(name, ecosystem, version): (String, &str, String)| Package { ecosystem: ecosystem.to_owned(), name, version };
    all.into_iter().map(package).collect()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let index = arguments.next().expect("search_fixture DATA/search.db|postgres://... [PERCENT]");
    let percent = arguments.next().map_or(100, |percent| percent.parse().expect("a number"));
    let index: Arc<dyn Search> = open::open_search(&index, Path::new(&index)).expect("an index");
    let queries = arguments.next().map(|path| std::fs::read_to_string(path).expect("queries"));
    let standing = match index.standing().await.expect("an index") {
        Some(standing) => standing,
        None => {
            assert!(queries.is_some(), "none that a server has made");
            index.begin(Standing::default()).await.expect("an index");
            Standing::default()
        }
    };
    if percent > 0 {
        fill(&index, standing, percent).await;
    }
    if let Some(queries) = queries {
        ask(&index, &queries).await;
    }
}

/// How long each query takes, the slowest first: the median of some.
async fn ask(index: &Arc<dyn Search>, queries: &str) {
    let mut times: Vec<(Duration, &str, u64)> = Vec::new();
    for line in queries.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let query = Query::parse(line).expect("a query");
        let kinds = query.clauses.iter().filter_map(|clause| match &clause.term {
            Term::Kind(kind) => {
                Some((kind.clone(), vec![if kind == "helm" { "helm-chart".to_owned() } else { kind.clone() }]))
            }
            _ => None,
        });
        let asked = Asked {
            kinds: kinds.collect(),
            query: query.clone(),
            readable: Readable::All,
            limit: 50,
            ..Asked::default()
        };
        let mut of_one = Vec::new();
        let mut total = 0;
        for _ in 0..TURNS {
            let begin = Instant::now();
            total = index.find(asked.clone()).await.expect("an answer").total;
            of_one.push(begin.elapsed());
        }
        of_one.sort_unstable();
        times.push((of_one[of_one.len() / 2], line, total));
    }
    times.sort_unstable_by(|one, other| other.cmp(one));
    for (time, query, total) in times {
        println!("{:7.1} ms {total:6} {query}", time.as_secs_f64() * 1000.0);
    }
}

async fn fill(index: &Arc<dyn Search>, standing: Standing, percent: u64) {
    let fixture = Fixture { percent };
    let begin = Instant::now();
    let mut documents = 0;
    let mut all = fixture.documents().map(|document| Update::Put(Box::new(document))).peekable();
    while all.peek().is_some() {
        documents += put(index, standing, all.by_ref().take(CHUNK).collect()).await;
    }
    println!("{documents} artifacts in {:.1?}", begin.elapsed());
    let begin = Instant::now();
    let (mut entries, mut updates) = (0, Vec::new());
    let mut waiting = 0;
    for update in fixture.contents() {
        waiting += weight(&update);
        updates.push(update);
        if waiting >= 5_000 {
            put(index, standing, std::mem::take(&mut updates)).await;
            entries += std::mem::take(&mut waiting);
        }
    }
    put(index, standing, updates).await;
    println!("{} files and packages in {:.1?}", entries + waiting, begin.elapsed());
}

fn weight(update: &Update) -> usize {
    match update {
        Update::Contents { contents: Contents::Files(all), .. } => all.len(),
        Update::Contents { contents: Contents::Packages(all), .. } => all.len(),
        _ => 0,
    }
}

async fn put(index: &Arc<dyn Search>, standing: Standing, updates: Vec<Update>) -> usize {
    let count = updates.len();
    index.apply(updates, standing).await.expect("it is written");
    count
}
