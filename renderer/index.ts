// The package @nearlight/sdk. AssemblyScript's compiler finds this file by its name: it reads no `exports`.
export * from './sdk';
