import { defineConfig } from 'vite';

// The binary serves dist/ below /playground/, and the page itself at /playground.
export default defineConfig({
  base: '/playground/',
  build: {
    outDir: 'dist',
    sourcemap: false,
    chunkSizeWarningLimit: 6000,
    rolldownOptions: {
      onLog(level, log, forward) {
        // "use client" marks of the page's libraries mean nothing here, and would bury a real warning.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') forward(level, log);
      },
    },
  },
});
