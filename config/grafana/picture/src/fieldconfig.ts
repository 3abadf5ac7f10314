/**
 * The properties that any field may be given (unit, thresholds, …), without the editors that Grafana has for them.
 *
 * Grafana keeps this list in its application rather than in its libraries; the functions that apply it are theirs.
 */

import {
  dataLinksOverrideProcessor,
  displayNameOverrideProcessor,
  type FieldConfigPropertyItem,
  identityOverrideProcessor,
  numberOverrideProcessor,
  standardFieldConfigEditorRegistry,
  standardTransformers,
  standardTransformersRegistry,
  stringOverrideProcessor,
  thresholdsOverrideProcessor,
  type TransformerRegistryItem,
  unitOverrideProcessor,
  valueMappingsOverrideProcessor,
} from '@grafana/data';

type Process = FieldConfigPropertyItem['process'];

const PROPERTIES: Record<string, Process> = {
  displayName: displayNameOverrideProcessor,
  unit: unitOverrideProcessor,
  min: numberOverrideProcessor,
  max: numberOverrideProcessor,
  decimals: numberOverrideProcessor,
  noValue: stringOverrideProcessor,
  color: identityOverrideProcessor,
  thresholds: thresholdsOverrideProcessor,
  mappings: valueMappingsOverrideProcessor,
  links: dataLinksOverrideProcessor,
} as Record<string, Process>;

function noEditor(): null {
  return null;
}

/** A property of fields; `fallback` is what it is where the dashboard does not say. */
export function property(id: string, process: Process = identityOverrideProcessor, fallback?: unknown) {
  return {
    id,
    path: id,
    name: id,
    editor: noEditor,
    override: noEditor,
    process,
    defaultValue: fallback,
    shouldApply: () => true,
  };
}

/** Tell Grafana's libraries which properties and transformations there are; once, before the first panel. */
export function register(): void {
  standardFieldConfigEditorRegistry.setInit(() =>
    Object.entries(PROPERTIES).map(([id, process]) => property(id, process)),
  );
  const byId = new Map(Object.values(standardTransformers).map((each) => [each.id, each])); // some stand there twice
  standardTransformersRegistry.setInit(() =>
    [...byId.values()].map(
      (transformation) =>
        ({
          id: transformation.id,
          name: transformation.name,
          transformation: () => Promise.resolve(transformation),
          editor: noEditor,
        }) as unknown as TransformerRegistryItem,
    ),
  );
}
