-- SPDX-License-Identifier: Apache-2.0
-- Changes of tracked containers. A run may have a million, so what repeats from one to the next stands in a table of its
-- own: the container in one process, the block that told the change, and the manner in which it was made.
CREATE TABLE container (
  id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, container TEXT NOT NULL, process_id TEXT NOT NULL);
CREATE UNIQUE INDEX container_key ON container (run_id, container, process_id);

CREATE TABLE mutation_block (
  id INTEGER PRIMARY KEY, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent_id TEXT NOT NULL, step_id TEXT NOT NULL);
CREATE UNIQUE INDEX mutation_block_key ON mutation_block (span_id, trace_id);

CREATE TABLE mutation_manner (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL, old_type TEXT NOT NULL,
  new_type TEXT NOT NULL, actor TEXT NOT NULL, thread INTEGER NOT NULL, code_file TEXT NOT NULL,
  code_line INTEGER NOT NULL, code_function TEXT NOT NULL);
CREATE UNIQUE INDEX mutation_manner_key ON mutation_manner (
  name, type, action, old_type, new_type, actor, thread, code_file, code_line, code_function);

CREATE TABLE mutation (
  container INTEGER NOT NULL, seq INTEGER NOT NULL, change INTEGER NOT NULL, block INTEGER NOT NULL,
  manner INTEGER NOT NULL, time INTEGER NOT NULL, elements INTEGER NOT NULL, location TEXT NOT NULL,
  locations TEXT NOT NULL, key TEXT NOT NULL, old_digest TEXT NOT NULL, old_value TEXT NOT NULL,
  new_digest TEXT NOT NULL, new_value TEXT NOT NULL, cut INTEGER NOT NULL, snapshot TEXT NOT NULL, stack TEXT NOT NULL,
  PRIMARY KEY (container, seq, change)) WITHOUT ROWID;
