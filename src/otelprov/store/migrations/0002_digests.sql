-- SPDX-License-Identifier: Apache-2.0
-- Digests that were told beside size and time of change; and of each fact the version that it has by them, found with
-- the edges and empty until then. Two digests of one state of a file can't be told apart, so that none of them counts.
CREATE TABLE digest (
  namespace TEXT NOT NULL, name TEXT NOT NULL, stat TEXT NOT NULL, version TEXT NOT NULL,
  PRIMARY KEY (name, stat, namespace, version)) WITHOUT ROWID;

ALTER TABLE fact ADD COLUMN content TEXT NOT NULL DEFAULT '';
CREATE INDEX fact_stat ON fact (name, namespace, version) WHERE substr(version, 1, 5) = 'stat:';
-- The same content under other names.
CREATE INDEX fact_content ON fact (content) WHERE substr(content, 1, 7) = 'sha256:';
