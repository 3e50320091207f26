// A form from a JSON Schema (2020-12): one field a property, and JSON where a field would not do. What the form
// cannot express (anyOf, dependencies) the kernel checks.

import { fresh, h, visible } from "./dom.js";

/** {element, value()} for an object schema. `value` throws an Error that names the field that is wrong. */
export function formOf(schema) {
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).map(([name, one]) => [name, fieldOf(name, resolve(one, schema), required.has(name))]);
  return {
    element: h("div", { class: "fields" }, fields.map(([, field]) => field.element)),
    value() {
      const found = {};
      for (const [name, field] of fields) {
        const value = field.value();
        if (value !== undefined) found[name] = value;
      }
      return found;
    },
  };
}

function resolve(schema, root) {
  const name = typeof schema?.$ref === "string" && schema.$ref.match(/^#\/\$defs\/([^/]+)$/)?.[1];
  return name ? { ...root.$defs?.[name], ...schema } : schema === true ? {} : schema;
}

function fieldOf(name, schema, required) {
  const id = fresh("field");
  const about = schema.description ? h("p", { class: "fine", id: `${id}-about` }, visible(schema.description, 400)) : null;
  const given = { id, name, required, "aria-describedby": about ? about.id : null };
  const [input, value] = inputOf(schema, given, required);
  const label = h("label", { for: id }, visible(name, 80), required && h("span", { class: "needed" }, " required"));
  return {
    element: h("div", { class: "field" }, label, input, about),
    value() {
      try {
        return value();
      } catch (error) {
        input.focus();
        throw new Error(`${name}: ${error.message}`);
      }
    },
  };
}

function inputOf(schema, given, required) {
  const kinds = [schema.type ?? []].flat();
  if (schema.enum || schema.const !== undefined) return choice(schema.enum ?? [schema.const], given, required);
  if (kinds.length === 1 && kinds[0] === "boolean") return choice([true, false], given, required);
  if (kinds.length === 1 && (kinds[0] === "integer" || kinds[0] === "number")) return number(schema, kinds[0], given);
  if (kinds.length === 1 && kinds[0] === "string") return string(schema, given);
  return json(schema, given);
}

function choice(values, given, required) {
  const options = values.map((one, at) => h("option", { value: String(at) }, visible(one, 100)));
  const input = h("select", given, (!required || values.length > 1) && h("option", { value: "" }, required ? "choose…" : "–"), options);
  return [input, () => (input.value === "" ? undefined : values[Number(input.value)])];
}

function number(schema, kind, given) {
  const input = h("input", { ...given, type: "number", step: kind === "integer" ? "1" : "any", min: schema.minimum, max: schema.maximum, inputmode: "decimal" });
  return [
    input,
    () => {
      if (input.validity.badInput) throw new Error("is no number");
      return input.value === "" ? undefined : Number(input.value);
    },
  ];
}

function string(schema, given) {
  const long = (schema.maxLength ?? 0) > 500;
  const bounds = { minlength: schema.minLength, maxlength: schema.maxLength, autocomplete: "off", spellcheck: "false" };
  const input = h(long ? "textarea" : "input", { ...given, ...bounds, ...(long ? { rows: "4" } : { type: "text" }) });
  return [input, () => (input.value === "" ? undefined : input.value)];
}

function json(schema, given) {
  const hint = schema.type === "array" ? "[]" : schema.type === "object" ? "{}" : "";
  const input = h("textarea", { ...given, rows: "3", class: "code", placeholder: hint && `${hint} as JSON`, spellcheck: "false" });
  return [
    input,
    () => {
      if (input.value.trim() === "") return undefined;
      try {
        return JSON.parse(input.value);
      } catch {
        throw new Error("is no JSON");
      }
    },
  ];
}
