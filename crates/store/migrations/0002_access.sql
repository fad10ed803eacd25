-- Who may do what (docs/decisions/0004-who-may-do-what.md). An account's kind: 1 a user, 2 a robot, which may belong to a
-- project. A group is a team here, because the other word is taken.

ALTER TABLE account ADD COLUMN kind {int} NOT NULL DEFAULT 1;
ALTER TABLE account ADD COLUMN project {int} REFERENCES project (id);
ALTER TABLE account ADD COLUMN description {text} NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN disabled {int} NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN expires_at {int};
CREATE INDEX account_project ON account (project) WHERE project IS NOT NULL;

CREATE TABLE team (
    id {id},
    uid {bytes} NOT NULL UNIQUE,
    name {text} NOT NULL UNIQUE,
    description {text} NOT NULL,
    created_at {int} NOT NULL
){rows};

CREATE TABLE team_member (
    team {int} NOT NULL REFERENCES team (id),
    account {int} NOT NULL REFERENCES account (id),
    PRIMARY KEY (team, account)
){keyed};
CREATE INDEX team_member_account ON team_member (account);

-- Sets of permissions with a name; those that are built in are in the code.
CREATE TABLE role (
    id {id},
    uid {bytes} NOT NULL UNIQUE,
    name {text} NOT NULL UNIQUE,
    description {text} NOT NULL,
    permissions {text} NOT NULL,
    created_at {int} NOT NULL
){rows};

-- To an account or a team; a role, one that is built in, or permissions; in the system, a project, or where a pattern says.
CREATE TABLE binding (
    id {id},
    uid {bytes} NOT NULL UNIQUE,
    account {int} REFERENCES account (id),
    team {int} REFERENCES team (id),
    role {int} REFERENCES role (id),
    built_in {text},
    permissions {text},
    project {int} REFERENCES project (id),
    pattern {text},
    created_at {int} NOT NULL,
    created_by {text} NOT NULL,
    CHECK ((account IS NULL) <> (team IS NULL))
){rows};
CREATE INDEX binding_account ON binding (account) WHERE account IS NOT NULL;
CREATE INDEX binding_team ON binding (team) WHERE team IS NOT NULL;
CREATE INDEX binding_role ON binding (role) WHERE role IS NOT NULL;
CREATE INDEX binding_project ON binding (project, id);

-- Who may do everything is bound to that role; the flag is gone.
INSERT INTO binding (uid, account, built_in, created_at, created_by)
    SELECT uid, id, 'administrator', created_at, 'system' FROM account WHERE admin = 1;
ALTER TABLE account DROP COLUMN admin;

-- What is logged in with in place of a password: 256 random bits, of which a hash is kept.
CREATE TABLE secret (
    id {id},
    uid {bytes} NOT NULL UNIQUE,
    account {int} NOT NULL REFERENCES account (id),
    name {text} NOT NULL,
    hash {bytes} NOT NULL,
    limits {text} NOT NULL,
    created_at {int} NOT NULL,
    expires_at {int}
){rows};
CREATE INDEX secret_account ON secret (account);

-- A note: when it was used last.
CREATE TABLE secret_use (
    secret {int} NOT NULL PRIMARY KEY,
    used_at {int} NOT NULL
){keyed};
