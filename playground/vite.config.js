import { defineConfig } from 'vite';

// Relative addresses let the page live at any path; one chunk less is one request less on loopback,
// but the editor's workers stay files of their own, because browsers load them so.
export default defineConfig({
  base: './',
  build: {
    outDir: 'dist',
    assetsDir: 'playground-assets',
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
