-- What inspecting has found out (docs/decisions/0006-facts.md). About a manifest it is kept by the number that the manifest keeps in the
-- trash; only from blobs of its own repository, so two repositories never share it. What is derived from the bytes of a blob alone is
-- kept once, whatever the repository, and read only by who may read the blob.

-- What lists tell is in columns of its own, before the facts themselves, which may be long.
CREATE TABLE fact (
    manifest {int} NOT NULL PRIMARY KEY,
    repository {int} NOT NULL,
    kind {text} NOT NULL,
    title {text} NOT NULL,
    summary {text} NOT NULL,
    size {int} NOT NULL,
    version {int} NOT NULL,
    made_at {int} NOT NULL,
    facts {text} NOT NULL
){rows};
CREATE INDEX fact_kind ON fact (repository, kind, manifest);
-- The artifacts of a repository, the latest first.
CREATE INDEX manifest_latest ON manifest (repository, id);

CREATE TABLE derived (
    id {id},
    blob {int} NOT NULL REFERENCES blob (id),
    kind {text} NOT NULL,
    version {int} NOT NULL,
    size {int} NOT NULL,
    location {text},
    bytes {bytes},
    UNIQUE (blob, kind),
    CHECK ((location IS NULL) <> (bytes IS NULL))
){rows};
CREATE UNIQUE INDEX derived_location ON derived (location) WHERE location IS NOT NULL;

-- How often a job was asked for: what is asked for again while somebody does it is done again.
ALTER TABLE job ADD COLUMN asked {int} NOT NULL DEFAULT 1;

-- The first tags of an artifact, without looking at all of them.
DROP INDEX tag_manifest;
CREATE INDEX tag_manifest ON tag (manifest, name);

-- The log by place: an index of it, kept as long as it, so nothing here refers to what may go.
CREATE TABLE log_project (
    project {int} NOT NULL,
    seq {int} NOT NULL,
    PRIMARY KEY (project, seq)
){keyed};
CREATE INDEX log_project_seq ON log_project (seq, project);
CREATE TABLE log_repository (
    repository {int} NOT NULL,
    seq {int} NOT NULL,
    PRIMARY KEY (repository, seq)
){keyed};
