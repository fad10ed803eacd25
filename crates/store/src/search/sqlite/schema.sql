-- The search index, in a file of its own. It holds nothing that cannot be made again, so it is never migrated: one that is not of this
-- form is thrown away (`FORM` in src/search/sqlite.rs).

-- Up to where it follows the ledger; one row.
CREATE TABLE standing (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    scanned INTEGER
);

CREATE TABLE project (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    public INTEGER NOT NULL
);

CREATE TABLE repository (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    project INTEGER NOT NULL
);
CREATE INDEX repository_project ON repository (project);

-- Parts of names: what is between slashes, and the words of that.
CREATE TABLE part (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE,
    length INTEGER NOT NULL
);
CREATE INDEX part_length ON part (length, text);
CREATE TABLE named (
    part INTEGER NOT NULL,
    repository INTEGER NOT NULL,
    PRIMARY KEY (part, repository)
) WITHOUT ROWID;
CREATE INDEX named_repository ON named (repository, part);
-- Names by any three letters of theirs; the row is the repository's.
CREATE VIRTUAL TABLE name USING fts5 (whole, content = '', contentless_delete = 1, tokenize = 'trigram');

-- Repositories that are gone, of which some artifacts are here still; no search finds them.
CREATE TABLE gone (repository INTEGER PRIMARY KEY);

-- Artifacts, with what is looked at of each that is found. The key is the manifest's number with two bits behind it, its rank.
CREATE TABLE doc (
    key INTEGER PRIMARY KEY,
    repository INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    licenses INTEGER NOT NULL,
    platforms INTEGER NOT NULL,
    signed INTEGER NOT NULL,
    pushed_at INTEGER NOT NULL
);
CREATE INDEX doc_repository ON doc (repository, key);
CREATE INDEX doc_pushed ON doc (pushed_at, key);
CREATE INDEX doc_signed ON doc (key) WHERE signed = 1;

-- What is told of each that is shown.
CREATE TABLE shown (
    key INTEGER PRIMARY KEY,
    repository INTEGER NOT NULL,
    algorithm TEXT NOT NULL,
    hash TEXT NOT NULL,
    subject TEXT,
    signature INTEGER NOT NULL,
    title TEXT NOT NULL,
    summary TEXT NOT NULL,
    description TEXT NOT NULL,
    version TEXT NOT NULL,
    size INTEGER,
    tags TEXT NOT NULL,
    tags_total INTEGER NOT NULL,
    maintainers TEXT NOT NULL,
    keywords TEXT NOT NULL,
    licenses TEXT NOT NULL,
    platforms TEXT NOT NULL
);
CREATE INDEX shown_hash ON shown (hash, repository);
CREATE INDEX shown_subject ON shown (repository, subject) WHERE subject IS NOT NULL;

-- What artifacts have, field by field, each text once.
CREATE TABLE value (
    id INTEGER PRIMARY KEY,
    field INTEGER NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (field, text)
);
CREATE TABLE has (
    value INTEGER NOT NULL,
    key INTEGER NOT NULL,
    PRIMARY KEY (value, key)
) WITHOUT ROWID;
CREATE INDEX has_key ON has (key, value);

-- What artifacts name that is looked into: layers for files, bills of materials for packages (`Inside` in src/search.rs). The state says
-- whether it is known what is in it (`inside.rs`).
CREATE TABLE source (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest TEXT NOT NULL,
    inside INTEGER NOT NULL,
    state INTEGER NOT NULL,
    UNIQUE (digest, inside)
);
CREATE INDEX source_lacking ON source (id) WHERE state = 0;
-- Which artifacts name it themselves.
CREATE TABLE own (
    key INTEGER NOT NULL,
    source INTEGER NOT NULL,
    PRIMARY KEY (key, source)
) WITHOUT ROWID;
CREATE INDEX own_source ON own (source, key);
-- Which manifests an index lists, whether they are there or not.
CREATE TABLE child (
    digest TEXT NOT NULL,
    key INTEGER NOT NULL,
    PRIMARY KEY (digest, key)
) WITHOUT ROWID;
CREATE INDEX child_key ON child (key, digest);
-- In which artifacts a source is, also by what is listed or attached there, in the same repository. It follows from the tables above.
CREATE TABLE held (
    source INTEGER NOT NULL,
    key INTEGER NOT NULL,
    PRIMARY KEY (source, key)
) WITHOUT ROWID;
CREATE INDEX held_key ON held (key, source);
-- Files: names in folders, those of folders with a slash behind them. In the folder 0 is the root, in the folder -1 each name of a file,
-- whatever folder that is in.
CREATE TABLE path (
    id INTEGER PRIMARY KEY,
    folder INTEGER NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (folder, name)
);
CREATE TABLE holds (
    path INTEGER NOT NULL,
    source INTEGER NOT NULL,
    PRIMARY KEY (path, source)
) WITHOUT ROWID;
CREATE TABLE package (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    ecosystem TEXT NOT NULL,
    version TEXT NOT NULL,
    -- The name without its namespace.
    last TEXT NOT NULL,
    UNIQUE (name, ecosystem, version)
);
CREATE INDEX package_last ON package (last);
CREATE TABLE packed (
    package INTEGER NOT NULL,
    source INTEGER NOT NULL,
    PRIMARY KEY (package, source)
) WITHOUT ROWID;
-- What was put there for a source, to be taken away by: numbers of paths or packages, each as what it is more than the one before.
CREATE TABLE listed (
    id INTEGER PRIMARY KEY,
    source INTEGER NOT NULL,
    numbers BLOB NOT NULL
);
CREATE INDEX listed_source ON listed (source);
-- Sources that no artifact names any more.
CREATE TABLE unused (source INTEGER PRIMARY KEY);

-- Words. The row is the artifact's key.
CREATE VIRTUAL TABLE text USING fts5 (
    title, words, about, maintainer,
    content = '', contentless_delete = 1, prefix = '3', tokenize = 'unicode61 remove_diacritics 2'
);
