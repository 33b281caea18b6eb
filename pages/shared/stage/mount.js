/**
 * What Streamlit calls on every rerun and change of theme: one view for each mount.
 *
 * It lets go of a call that a newer one has overtaken as if the component had gone, although the newer
 * one draws into the same view: only the latest call may take the view down.
 */
const mounted = (View) => async ({ data, parentElement, setTriggerValue }) => {
  const view = (parentElement.sadamView ??= new View(parentElement));
  const call = (view.calls = (view.calls ?? 0) + 1);
  try {
    await view.update(data, setTriggerValue);
    if (view.trouble) view.trouble.hidden = true;
  } catch (error) {
    if (!view.fail) throw error;
    view.fail(error);
  }
  return () => {
    if (call !== view.calls) return;
    view.destroy();
    delete parentElement.sadamView;
  };
};
