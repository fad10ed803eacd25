-- The search index, in a file or a schema of its own, for both engines (`Dialect::speak`). It holds nothing that cannot be made again, so
-- it is never migrated: one that is not of this form is thrown away (`FORM` in search.rs). What is full text is in `text.rs`.
--
-- One writes at a time, and gives the numbers itself.

-- Up to where it follows the ledger; one row.
CREATE TABLE standing (
    id {key} CHECK (id = 1),
    form {int} NOT NULL,
    version {int} NOT NULL,
    seq {int} NOT NULL,
    at {int} NOT NULL,
    scanned {int}
){rows};
-- The last number that was given to each sort of thing; none is given twice.
CREATE TABLE given (
    id {key},
    last {int} NOT NULL
){rows};

CREATE TABLE project (
    id {key},
    name {text} NOT NULL UNIQUE,
    public {int} NOT NULL
){rows};

CREATE TABLE repository (
    id {key},
    name {text} NOT NULL UNIQUE,
    project {int} NOT NULL
){rows};
CREATE INDEX repository_project ON repository (project);

-- Parts of names: what is between slashes, and the words of that.
CREATE TABLE part (
    id {key},
    text {text} NOT NULL UNIQUE,
    length {int} NOT NULL
){rows};
CREATE INDEX part_length ON part (length, text);
CREATE TABLE named (
    part {int} NOT NULL,
    repository {int} NOT NULL,
    PRIMARY KEY (part, repository)
){keyed};
CREATE INDEX named_repository ON named (repository, part);

-- Repositories that are gone, of which some artifacts are here still; no search finds them.
CREATE TABLE gone (repository {key}){rows};

-- Artifacts. The key is the manifest's number with two bits behind it, its rank.
CREATE TABLE doc (
    key {key},
    repository {int} NOT NULL,
    pushed_at {int} NOT NULL
){rows};
CREATE INDEX doc_repository ON doc (repository, key);
-- What each has, and which sources are in it, packed: to be taken away by.
CREATE TABLE back (
    key {key},
    has {bytes} NOT NULL,
    held {bytes} NOT NULL
){rows};
-- What is looked at of each that is found, packed (`packed.rs`).
CREATE TABLE brief (
    above {int} NOT NULL,
    block {int} NOT NULL,
    rows {bytes} NOT NULL,
    PRIMARY KEY (above, block)
){keyed};

-- What is told of each that is shown.
CREATE TABLE shown (
    key {key},
    repository {int} NOT NULL,
    algorithm {text} NOT NULL,
    hash {text} NOT NULL,
    subject_algorithm {text},
    subject_hash {text},
    signature {int} NOT NULL,
    title {text} NOT NULL,
    summary {text} NOT NULL,
    description {text} NOT NULL,
    version {text} NOT NULL,
    size {int},
    tags {text} NOT NULL,
    tags_total {int} NOT NULL,
    maintainers {text} NOT NULL,
    keywords {text} NOT NULL,
    licenses {text} NOT NULL,
    platforms {text} NOT NULL
){rows};
CREATE INDEX shown_hash ON shown (hash, repository);
CREATE INDEX shown_subject ON shown (repository, subject_hash) WHERE subject_hash IS NOT NULL;

-- What artifacts have, field by field, each text once.
CREATE TABLE value (
    id {key},
    field {int} NOT NULL,
    text {text} NOT NULL,
    UNIQUE (field, text)
){rows};
-- Which artifacts have which, packed.
CREATE TABLE has (
    above {int} NOT NULL,
    block {int} NOT NULL,
    rows {bytes} NOT NULL,
    PRIMARY KEY (above, block)
){keyed};

-- What artifacts name that is looked into: layers for files, bills of materials for packages (`Inside` in search.rs). The state says
-- whether it is known what is in it (`inside.rs`).
CREATE TABLE source (
    id {key},
    digest {text} NOT NULL,
    inside {int} NOT NULL,
    state {int} NOT NULL,
    UNIQUE (digest, inside)
){rows};
CREATE INDEX source_lacking ON source (id) WHERE state = 0;
-- Which artifacts name it themselves.
CREATE TABLE own (
    key {int} NOT NULL,
    source {int} NOT NULL,
    PRIMARY KEY (key, source)
){keyed};
CREATE INDEX own_source ON own (source, key);
-- Which manifests an index lists, whether they are there or not.
CREATE TABLE child (
    hash {text} NOT NULL,
    algorithm {text} NOT NULL,
    key {int} NOT NULL,
    PRIMARY KEY (hash, algorithm, key)
){keyed};
CREATE INDEX child_key ON child (key);
-- In which artifacts a source is, also by what is listed or attached there, in the same repository: packed. It follows from the tables
-- above.
CREATE TABLE held (
    above {int} NOT NULL,
    block {int} NOT NULL,
    rows {bytes} NOT NULL,
    PRIMARY KEY (above, block)
){keyed};
-- Files: names in folders, those of folders with a slash behind them. In the folder 0 is the root, in the folder -1 each name of a file,
-- whatever folder that is in.
CREATE TABLE path (
    id {key},
    folder {int} NOT NULL,
    name {text} NOT NULL,
    UNIQUE (folder, name)
){rows};
CREATE TABLE holds (
    path {int} NOT NULL,
    source {int} NOT NULL,
    PRIMARY KEY (path, source)
){keyed};
CREATE TABLE package (
    id {key},
    name {text} NOT NULL,
    ecosystem {text} NOT NULL,
    version {text} NOT NULL,
    -- The name without its namespace.
    last {text} NOT NULL,
    UNIQUE (name, ecosystem, version)
){rows};
CREATE INDEX package_last ON package (last);
CREATE TABLE packed (
    package {int} NOT NULL,
    source {int} NOT NULL,
    PRIMARY KEY (package, source)
){keyed};
-- What was put there for a source, to be taken away by: numbers of paths or packages, each as what it is more than the one before.
CREATE TABLE listed (
    id {key},
    source {int} NOT NULL,
    numbers {bytes} NOT NULL
){rows};
CREATE INDEX listed_source ON listed (source);
-- Sources that no artifact names any more.
CREATE TABLE unused (source {key}){rows};
