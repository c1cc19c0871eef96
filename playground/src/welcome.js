// What a new tab says. Plain comments, so that it is true for every graph, not for the demo's alone.
export const welcome = `# There is no API; just declare what data you need.
#
# Ctrl-Space completes what can be asked here, Ctrl-Enter runs it.
# The book icon at the left shows every type and field of the graph.

{
  __typename
}
`;
