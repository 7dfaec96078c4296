-- The identity of the blob store that recordings and results lie in; null: none is known yet.
alter table ledger add column blob_store text;
