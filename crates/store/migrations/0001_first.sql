-- The ledger, first schema. {id}, {int}, {text}, {bytes}, {rows} and {keyed} stand for what each engine calls them
-- (src/sql.rs). Row numbers stay inside; what has a name outside has a uid of 16 random bytes. Times are
-- milliseconds since 1970, digests are an algorithm's number and the bytes of the hash.

CREATE TABLE project (
    id {id},
    uid {bytes} NOT NULL UNIQUE,
    name {text} NOT NULL UNIQUE,
    public {int} NOT NULL,
    created_at {int} NOT NULL
){rows};

CREATE TABLE repository (
    id {id},
    uid {bytes} NOT NULL UNIQUE,
    project {int} NOT NULL REFERENCES project (id),
    name {text} NOT NULL UNIQUE,
    public {int} NOT NULL,
    created_at {int} NOT NULL
){rows};
CREATE INDEX repository_project ON repository (project);
-- What the catalog of public projects pages through; public is the project's, repeated for this.
CREATE INDEX repository_public ON repository (name) WHERE public = 1;

-- Bytes, wherever they rest: at a location of the heap, or here.
CREATE TABLE blob (
    id {id},
    algorithm {int} NOT NULL,
    digest {bytes} NOT NULL,
    size {int} NOT NULL,
    location {text},
    bytes {bytes},
    UNIQUE (algorithm, digest),
    CHECK ((location IS NULL) <> (bytes IS NULL))
){rows};
CREATE UNIQUE INDEX blob_location ON blob (location) WHERE location IS NOT NULL;

-- The only thing that lets a repository's reader read a blob.
CREATE TABLE member (
    repository {int} NOT NULL REFERENCES repository (id),
    blob {int} NOT NULL REFERENCES blob (id),
    unreferenced_since {int},
    PRIMARY KEY (repository, blob)
){keyed};
CREATE INDEX member_blob ON member (blob, repository);
CREATE INDEX member_unreferenced ON member (unreferenced_since) WHERE unreferenced_since IS NOT NULL;

-- The exact bytes of manifests, once per digest.
CREATE TABLE document (
    id {id},
    algorithm {int} NOT NULL,
    digest {bytes} NOT NULL,
    bytes {bytes} NOT NULL,
    UNIQUE (algorithm, digest)
){rows};

-- Live manifests; digest and algorithm are the document's, repeated so that lists are ranges of an index.
CREATE TABLE manifest (
    id {id},
    uid {bytes} NOT NULL,
    repository {int} NOT NULL REFERENCES repository (id),
    document {int} NOT NULL REFERENCES document (id),
    algorithm {int} NOT NULL,
    digest {bytes} NOT NULL,
    media_type {text} NOT NULL,
    artifact_type {text},
    subject_algorithm {int},
    subject_digest {bytes},
    pushed_at {int} NOT NULL,
    pushed_by {text} NOT NULL,
    UNIQUE (repository, algorithm, digest)
){rows};
CREATE INDEX manifest_document ON manifest (document);
CREATE INDEX manifest_subject ON manifest (repository, subject_algorithm, subject_digest, algorithm, digest)
    WHERE subject_digest IS NOT NULL;

-- Deleted manifests, until their time is up. The manifest keeps its number, so its edges stay, and stay roots.
CREATE TABLE trash (
    id {id},
    uid {bytes} NOT NULL UNIQUE,
    kind {int} NOT NULL, -- 1: a manifest
    repository {int} NOT NULL REFERENCES repository (id),
    manifest {int} NOT NULL UNIQUE,
    manifest_uid {bytes} NOT NULL,
    document {int} NOT NULL REFERENCES document (id),
    media_type {text} NOT NULL,
    artifact_type {text},
    subject_algorithm {int},
    subject_digest {bytes},
    pushed_at {int} NOT NULL,
    pushed_by {text} NOT NULL,
    tags {text} NOT NULL,
    deleted_at {int} NOT NULL,
    deleted_by {text} NOT NULL,
    until {int} NOT NULL
){rows};
CREATE INDEX trash_until ON trash (until);
CREATE INDEX trash_document ON trash (document);

-- What manifests, live and trashed, name; whether it is here or not, manifest or blob. Keeps alive, never grants reading.
CREATE TABLE edge (
    repository {int} NOT NULL REFERENCES repository (id),
    manifest {int} NOT NULL,
    role {int} NOT NULL,
    algorithm {int} NOT NULL,
    digest {bytes} NOT NULL,
    PRIMARY KEY (manifest, role, algorithm, digest)
){keyed};
CREATE INDEX edge_target ON edge (algorithm, digest, repository, role);

CREATE TABLE tag (
    repository {int} NOT NULL REFERENCES repository (id),
    name {text} NOT NULL,
    manifest {int} NOT NULL REFERENCES manifest (id),
    updated_at {int} NOT NULL,
    updated_by {text} NOT NULL,
    PRIMARY KEY (repository, name)
){keyed};
CREATE INDEX tag_manifest ON tag (manifest);

CREATE TABLE tag_history (
    id {id},
    repository {int} NOT NULL REFERENCES repository (id),
    name {text} NOT NULL,
    at {int} NOT NULL,
    actor {text} NOT NULL,
    before_algorithm {int},
    before_digest {bytes},
    after_algorithm {int},
    after_digest {bytes}
){rows};
CREATE INDEX tag_history_name ON tag_history (repository, name, id);

CREATE TABLE account (
    id {id},
    uid {bytes} NOT NULL UNIQUE,
    name {text} NOT NULL UNIQUE,
    password_hash {text} NOT NULL,
    epoch {int} NOT NULL,
    admin {int} NOT NULL,
    created_at {int} NOT NULL
){rows};

-- Every commit that had an effect: dense, in order.
CREATE TABLE log (
    seq {int} NOT NULL PRIMARY KEY,
    at {int} NOT NULL,
    actor {text} NOT NULL,
    changes {text} NOT NULL
){rows};

-- Notes: what may be late or lost.
CREATE TABLE upload (
    id {id},
    uid {bytes} NOT NULL UNIQUE,
    repository {text} NOT NULL,
    actor {text} NOT NULL,
    version {int} NOT NULL,
    state {bytes} NOT NULL,
    updated_at {int} NOT NULL
){rows};
CREATE INDEX upload_updated ON upload (updated_at);

CREATE TABLE job (
    id {id},
    kind {text} NOT NULL,
    key {text} NOT NULL,
    payload {text} NOT NULL,
    attempts {int} NOT NULL,
    due_at {int} NOT NULL,
    error {text},
    UNIQUE (kind, key)
){rows};
CREATE INDEX job_due ON job (kind, due_at);

CREATE TABLE follower (
    name {text} NOT NULL PRIMARY KEY,
    seq {int} NOT NULL,
    version {int} NOT NULL,
    paused {int} NOT NULL
){keyed};

CREATE TABLE total (
    name {text} NOT NULL PRIMARY KEY,
    value {int} NOT NULL
){keyed};
