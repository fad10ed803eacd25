-- What a repository shows in front: what its people say of it, and how often it is pulled. Pulls are notes: gathered in memory,
-- written in batches, and lost where a process ends before.

-- What it runs on, for lists; one on each line.
ALTER TABLE fact ADD COLUMN platforms {text} NOT NULL DEFAULT '';

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
