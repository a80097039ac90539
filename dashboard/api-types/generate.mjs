// Generates the types of the API from Ostler's OpenAPI description. A workspace, because the generator writes with the
// compiler interface of TypeScript 5, which TypeScript 7 no longer has.
import { readFileSync, writeFileSync } from "node:fs";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString, COMMENT_HEADER } from "openapi-typescript";

const SOURCE = new URL("../openapi.json", import.meta.url);
const TARGET = new URL("../src/api/generated.ts", import.meta.url);

const OPTIONS = {
  // `export type Server = components["schemas"]["Server"]`, for each schema.
  rootTypes: true,
  rootTypesNoSchemaPrefix: true,
  rootTypesKeepCasing: true,
  // Otherwise a field with a default would have to be sent, although the default is for those who leave it out.
  defaultNonNullable: false,
  // Otherwise `{"type": "object"}` would be an object without members.
  emptyObjectsUnknown: true,
};

/** The text of the generated file. */
export async function generate() {
  const description = JSON.parse(readFileSync(SOURCE, "utf8"));
  // The paths alone are twice as long as all schemas, and no page uses their types.
  return COMMENT_HEADER + astToString(await openapiTS({ ...description, paths: {} }, OPTIONS));
}

if (argv[1] === fileURLToPath(import.meta.url)) writeFileSync(TARGET, await generate());
