CREATE TABLE IF NOT EXISTS staging_sale (shop INTEGER, article TEXT, pieces INTEGER, paid REAL, day TEXT);
CREATE TABLE IF NOT EXISTS shop (shop INTEGER PRIMARY KEY, city TEXT);
CREATE TABLE IF NOT EXISTS article (article TEXT PRIMARY KEY, family TEXT);
CREATE TABLE IF NOT EXISTS sale (shop INTEGER, article TEXT, family TEXT, pieces INTEGER, paid REAL, month TEXT);
CREATE TABLE IF NOT EXISTS monthly (month TEXT, city TEXT, paid REAL);
CREATE VIEW IF NOT EXISTS city_month AS
  SELECT s.month, p.city, sum(s.paid) AS paid FROM sale s JOIN shop p USING (shop) GROUP BY s.month, p.city;
