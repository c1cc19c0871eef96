// A link can carry a query: /playground?query=…&variables=…&headers=…

/**
 * Reads what a link carries.
 * @param {string} search the address's query string, with or without its question mark
 * @returns {{query?: string, variables?: string, headers?: string}} only what is there and not empty
 */
export function linked(search) {
  const parameters = new URLSearchParams(search);
  const carried = {};
  for (const name of ['query', 'variables', 'headers']) {
    const value = parameters.get(name);
    if (value) carried[name] = value;
  }
  return carried;
}
