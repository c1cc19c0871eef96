// The playground: GraphiQL over this gateway's own /graphql.
// Nothing here talks to another host: editors, workers, fonts and icons are all bundled.
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import { createRoot } from 'react-dom/client';

import { linked } from './link.js';
import './style.css';
import { welcome } from './welcome.js';
import logo from './weft.svg';

const fetcher = createGraphiQLFetcher({ url: '/graphql' });
const link = linked(window.location.search);

createRoot(document.getElementById('playground')).render(
  <GraphiQL
    fetcher={fetcher}
    defaultQuery={welcome}
    defaultEditorToolsVisibility={link.headers ? 'headers' : true}
    initialQuery={link.query}
    initialVariables={link.variables}
    initialHeaders={link.headers}
    shouldPersistHeaders={false}
  >
    <GraphiQL.Logo>
      <a className="weft-name" href="/schema.graphql" title="The schema of this graph, as text">
        <img src={logo} alt="" />
        Weft
      </a>
    </GraphiQL.Logo>
  </GraphiQL>,
);
