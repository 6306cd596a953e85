export * from './database.ts';
export * from './embedded-postgres.ts';
export * from './migrate.ts';
export { type MigrationSource, migrationSources, newMigration } from './migration-files.ts';
export { type DatabaseOptions, openDatabase } from './open-database.ts';
export { withConnection, withDatabaseName } from './single-connection.ts';
export { constraintOf, isConnectionLost, isTransient, sqlStateOf } from './sql-errors.ts';
export { isInTransaction } from './transaction.ts';
