/** What `make check` holds the dashboard's scripts to, beside the types that tsc reads from their comments. */

import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["build/", ".venv/", ".venv-tf/"] },
  js.configs.recommended,
  {
    files: ["master/dashboard/**/*.js"],
    languageOptions: { globals: globals.browser },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "array-callback-return": "error",
      curly: ["error", "multi-line"],
      eqeqeq: "error",
      "max-depth": ["error", 3],
      "max-lines": ["error", 250],
      "max-lines-per-function": ["error", 60],
      "max-params": ["error", 5],
      "no-console": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-param-reassign": "error",
      "no-shadow": ["error", { builtinGlobals: false }],
      "no-var": "error",
      "prefer-const": "error",
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "text stays text: build elements with h()" },
        { property: "outerHTML", message: "text stays text: build elements with h()" },
        { object: "JSON", message: "versions above 2^53 would be rounded: read() and write() of base/json.js" },
        { property: "json", message: "versions above 2^53 would be rounded: read() of base/json.js" },
      ],
      "no-restricted-globals": [
        "error",
        { name: "Number", message: "versions above 2^53 would be rounded: whole() of base/json.js" },
        { name: "parseInt", message: "versions above 2^53 would be rounded: whole() of base/json.js" },
        { name: "parseFloat", message: "versions above 2^53 would be rounded: whole() of base/json.js" },
      ],
    },
  },
  {
    files: ["master/dashboard/base/json.js"], // where the rules above are kept
    rules: { "no-restricted-properties": "off", "no-restricted-globals": "off" },
  },
];
