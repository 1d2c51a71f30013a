export * from './types/wasi'
