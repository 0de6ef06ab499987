// Types of the API for the page; `api.d.ts` is made from the OpenAPI document when they are checked.

import type { components, paths } from "./api";

export type { paths };
export type Schemas = components["schemas"];

type Json<R> = R extends { content: { "application/json": infer B } } ? B : never;
type Success<R> = (R extends { 200: infer A } ? Json<A> : never) | (R extends { 202: infer B } ? Json<B> : never);

export type Reply<P extends keyof paths, M extends "get" | "post" | "put" | "delete"> =
  paths[P] extends Record<M, { responses: infer R }> ? Success<R> : never;
export type Body<P extends keyof paths> =
  paths[P] extends { post: { requestBody?: { content: { "application/json": infer B } } } } ? B : never;
export type PutBody<P extends keyof paths> =
  paths[P] extends { put: { requestBody?: { content: { "application/json": infer B } } } } ? B : never;

declare global {
  interface Window {
    Plotly: {
      react(element: HTMLElement, traces: object[], layout: object, config?: object): Promise<void>;
      purge(element: HTMLElement): void;
      register(locale: object): void;
    };
  }
}
