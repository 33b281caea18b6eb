/**
 * What Streamlit calls on every rerun and change of theme: one view for each mount.
 *
 * Streamlit cleans up after a call as soon as a newer one has overtaken it, although the newer one draws
 * into the same view; and while the module still loads, the newer one may be called first. So a view
 * goes only with its element, and a cleanup of the call drawn last brings back the call before it.
 */
const mounted = (View) => async ({ data, parentElement, setTriggerValue }) => {
  const view = (parentElement.sadamView ??= new View(parentElement));
  const draw = async (call) => {
    try {
      await view.update(call.data, call.setTriggerValue);
      if (view.trouble) view.trouble.hidden = true;
    } catch (error) {
      if (!view.fail) throw error;
      view.fail(error);
    }
  };
  const call = { data, setTriggerValue };
  view.calls = [...(view.calls ?? []).slice(-2), call];
  await draw(call);
  return () => {
    if (parentElement.isConnected) {
      const drawn = view.calls.at(-1) === call;
      view.calls = view.calls.filter((other) => other !== call);
      return drawn && view.calls.length ? draw(view.calls.at(-1)) : undefined;
    }
    if (parentElement.sadamView !== view) return undefined;
    delete parentElement.sadamView;
    return view.destroy();
  };
};
