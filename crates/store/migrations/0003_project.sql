-- What projects are set to, what they may use and what they do use (docs/decisions/0004-who-may-do-what.md). settings is
-- empty where nothing is set, else JSON (src/ledger/project.rs).

ALTER TABLE project ADD COLUMN description {text} NOT NULL DEFAULT '';
ALTER TABLE project ADD COLUMN settings {text} NOT NULL DEFAULT '';
ALTER TABLE project ADD COLUMN quota_bytes {int};
ALTER TABLE project ADD COLUMN quota_warn_bytes {int};
ALTER TABLE project ADD COLUMN quota_repositories {int};
-- The sizes of the project's distinct blobs and the lengths of its manifests, what is in the trash included.
ALTER TABLE project ADD COLUMN used_bytes {int} NOT NULL DEFAULT 0;
-- The sum of what its uploads have reserved.
ALTER TABLE project ADD COLUMN reserved_bytes {int} NOT NULL DEFAULT 0;
ALTER TABLE project ADD COLUMN repositories {int} NOT NULL DEFAULT 0;

-- In how many repositories of the project a blob is a member; no row where it is in none.
CREATE TABLE holding (
    project {int} NOT NULL REFERENCES project (id),
    blob {int} NOT NULL,
    members {int} NOT NULL,
    PRIMARY KEY (project, blob)
){keyed};

INSERT INTO holding (project, blob, members)
    SELECT r.project, m.blob, count(*) FROM member m JOIN repository r ON r.id = m.repository GROUP BY r.project, m.blob;
UPDATE project SET
    repositories = (SELECT count(*) FROM repository r WHERE r.project = project.id),
    used_bytes = (SELECT coalesce(sum(b.size), 0) FROM holding h JOIN blob b ON b.id = h.blob WHERE h.project = project.id)
        + (SELECT coalesce(sum(length(d.bytes)), 0) FROM repository r JOIN manifest m ON m.repository = r.id
            JOIN document d ON d.id = m.document WHERE r.project = project.id)
        + (SELECT coalesce(sum(length(d.bytes)), 0) FROM repository r JOIN trash t ON t.repository = r.id
            JOIN document d ON d.id = t.document WHERE r.project = project.id);

-- Whose quota an upload counts against, and how much it has reserved of it; no project where it has reserved nothing yet.
ALTER TABLE upload ADD COLUMN project {int};
ALTER TABLE upload ADD COLUMN reserved {int} NOT NULL DEFAULT 0;

-- By this it is told what of a project's use is in the trash.
CREATE INDEX trash_repository ON trash (repository);
