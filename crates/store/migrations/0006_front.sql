-- What a repository shows in front: what its people say of it, and how often it is pulled. Pulls are notes: gathered in memory,
-- written in batches, and lost where a process ends before.

-- What it runs on, for lists; one on each line. The table is made anew, as all that lists tell has to stand before the facts themselves: SQLite
-- goes through what is before a column to get there.
CREATE TABLE fact_anew (
    manifest {int} NOT NULL PRIMARY KEY,
    repository {int} NOT NULL,
    kind {text} NOT NULL,
    title {text} NOT NULL,
    summary {text} NOT NULL,
    size {int} NOT NULL,
    platforms {text} NOT NULL,
    version {int} NOT NULL,
    made_at {int} NOT NULL,
    facts {text} NOT NULL
){rows};
INSERT INTO fact_anew (manifest, repository, kind, title, summary, size, platforms, version, made_at, facts)
    SELECT manifest, repository, kind, title, summary, size, '', version, made_at, facts FROM fact;
DROP TABLE fact;
ALTER TABLE fact_anew RENAME TO fact;
CREATE INDEX fact_kind ON fact (repository, kind, manifest);

CREATE TABLE overview (
    repository {int} NOT NULL PRIMARY KEY REFERENCES repository (id),
    changed_at {int} NOT NULL,
    changed_by {text} NOT NULL,
    text {text} NOT NULL
){rows};

ALTER TABLE repository ADD COLUMN pulls {int} NOT NULL DEFAULT 0;
-- The public ones, those that are pulled most first.
CREATE INDEX repository_pulls ON repository (pulls, id) WHERE public = 1;
CREATE INDEX repository_all_pulls ON repository (pulls, id);
CREATE TABLE pulled (
    repository {int} NOT NULL REFERENCES repository (id),
    tag {text} NOT NULL,
    pulls {int} NOT NULL,
    PRIMARY KEY (repository, tag)
){keyed};
