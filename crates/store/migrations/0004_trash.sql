-- The trash holds repositories and projects too, and tells of each entry what it was called and in which project. A repository
-- in it is called `//` and its number; a project, with its repositories and robots, `/` and its number in place of its name. No
-- name begins so, so that whatever asks by name finds none of it.

ALTER TABLE tag_history ADD COLUMN client {text};

CREATE TABLE trash_of_all (
    id {id},
    uid {bytes} NOT NULL UNIQUE,
    kind {int} NOT NULL, -- 1: a manifest, 2: a repository, 3: a project
    project {int} NOT NULL REFERENCES project (id),
    repository {int} REFERENCES repository (id),
    name {text} NOT NULL, -- what the project was called, or the repository, a manifest's too
    manifest {int} UNIQUE,
    manifest_uid {bytes},
    document {int} REFERENCES document (id),
    media_type {text},
    artifact_type {text},
    subject_algorithm {int},
    subject_digest {bytes},
    pushed_at {int},
    pushed_by {text},
    tags {text} NOT NULL,
    deleted_at {int} NOT NULL,
    deleted_by {text} NOT NULL,
    until {int} NOT NULL,
    CHECK ((kind = 1) = (manifest IS NOT NULL AND document IS NOT NULL)),
    CHECK ((kind = 3) = (repository IS NULL))
){rows};
INSERT INTO trash_of_all (uid, kind, project, repository, name, manifest, manifest_uid, document, media_type, artifact_type,
        subject_algorithm, subject_digest, pushed_at, pushed_by, tags, deleted_at, deleted_by, until)
    SELECT t.uid, t.kind, r.project, t.repository, r.name, t.manifest, t.manifest_uid, t.document, t.media_type,
        t.artifact_type, t.subject_algorithm, t.subject_digest, t.pushed_at, t.pushed_by, t.tags, t.deleted_at, t.deleted_by,
        t.until
    FROM trash t JOIN repository r ON r.id = t.repository ORDER BY t.id;
DROP TABLE trash;
ALTER TABLE trash_of_all RENAME TO trash;
CREATE INDEX trash_until ON trash (until);
CREATE INDEX trash_document ON trash (document);
CREATE INDEX trash_repository ON trash (repository);
CREATE INDEX trash_project ON trash (project, deleted_at, uid);
CREATE INDEX trash_deleted ON trash (deleted_at, uid);
CREATE INDEX trash_called ON trash (name) WHERE kind = 3;

-- Blobs that were taken out of a repository while a manifest of it, live or in the trash, named them. They count as used as long
-- as one does. Where it was one in the trash they come back with it; nothing else that a manifest names does, or naming would be a
-- way to read.
CREATE TABLE lost_member (
    repository {int} NOT NULL REFERENCES repository (id),
    blob {int} NOT NULL,
    returns {int} NOT NULL,
    PRIMARY KEY (repository, blob)
){keyed};

-- Edges without a reference to the repository: removing one would look through all edges for it.
CREATE TABLE edge_of_all (
    repository {int} NOT NULL,
    manifest {int} NOT NULL,
    role {int} NOT NULL,
    algorithm {int} NOT NULL,
    digest {bytes} NOT NULL,
    PRIMARY KEY (manifest, role, algorithm, digest)
){keyed};
INSERT INTO edge_of_all (repository, manifest, role, algorithm, digest)
    SELECT repository, manifest, role, algorithm, digest FROM edge;
DROP TABLE edge;
ALTER TABLE edge_of_all RENAME TO edge;
CREATE INDEX edge_target ON edge (algorithm, digest, repository);
