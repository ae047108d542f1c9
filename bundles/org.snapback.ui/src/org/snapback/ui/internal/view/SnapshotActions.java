// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.view;

import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.eclipse.jface.action.Action;
import org.eclipse.jface.action.IMenuManager;
import org.eclipse.jface.action.MenuManager;
import org.eclipse.jface.action.Separator;
import org.eclipse.jface.dialogs.IDialogConstants;
import org.eclipse.jface.dialogs.MessageDialog;
import org.eclipse.jface.resource.ImageDescriptor;
import org.eclipse.swt.SWT;
import org.eclipse.swt.dnd.Clipboard;
import org.eclipse.swt.dnd.TextTransfer;
import org.eclipse.swt.dnd.Transfer;
import org.eclipse.ui.IActionBars;
import org.eclipse.ui.IViewSite;
import org.eclipse.ui.IWorkbenchActionConstants;
import org.eclipse.ui.IWorkbenchCommandConstants;
import org.eclipse.ui.actions.ActionFactory;
import org.snapback.core.Session;
import org.snapback.core.Snapshot;
import org.snapback.core.image.KnownImage;
import org.snapback.core.image.KnownImages;
import org.snapback.core.operations.DeleteSnapshotsOperation;
import org.snapback.ui.internal.Images;
import org.snapback.ui.internal.Messages;
import org.snapback.ui.internal.SessionJob;
import org.snapback.ui.internal.TargetSession;
import org.snapback.ui.internal.commands.Comparing;
import org.snapback.ui.internal.commands.Rewinding;
import org.snapback.ui.internal.commands.SavedSnapshots;
import org.snapback.ui.internal.commands.Saving;

/** What can be done with the snapshots selected in the table, by its context menu and by the keys of the workbench. */
final class SnapshotActions {

    private final IViewSite site;
    private final SnapshotTable table;
    private final Action rewind = action(Messages.actionRewind, Images.REWIND.descriptor(), this::rewind);
    private final Action rename = action(Messages.actionRename, null, this::rename);
    private final Action save = action(Messages.actionSave, Images.SAVE.descriptor(), this::save);
    private final Action saveAs = action(Messages.actionSaveAs, null, this::saveAs);
    private final Action cancelSaving = action(Messages.actionCancelSaving, null, this::cancelSaving);
    private final Action openImage = action(Messages.actionOpenImage, Images.IMAGE.descriptor(), this::openImage);
    private final Action restart = action(Messages.actionRestart, Images.RESTART.descriptor(), this::restart);
    private final Action compare = action(Messages.actionCompare, null, this::compare);
    private final Action delete = action(Messages.actionDelete, Images.DELETE.descriptor(), this::delete);
    private final Action deleteAll = action(Messages.actionDeleteAll, null, this::deleteAll);
    private final Action copy = action(Messages.actionCopy, null, this::copy);
    private final Action selectAll = action(Messages.actionSelectAll, null, this::selectAll);

    SnapshotActions(IViewSite site, SnapshotTable table) {
        this.site = site;
        this.table = table;
        rename.setActionDefinitionId(IWorkbenchCommandConstants.FILE_RENAME);
        delete.setActionDefinitionId(IWorkbenchCommandConstants.EDIT_DELETE);
        copy.setActionDefinitionId(IWorkbenchCommandConstants.EDIT_COPY);
        selectAll.setActionDefinitionId(IWorkbenchCommandConstants.EDIT_SELECT_ALL);
        table.viewer().addSelectionChangedListener(event -> enable());
        table.viewer().addOpenListener(event -> rewind());
        createContextMenu();
        site.getActionBars().getMenuManager().add(deleteAll);
        enable();
    }

    private static Action action(String text, ImageDescriptor image, Runnable run) {
        Action action = new Action(text, image) {
            @Override
            public void run() {
                run.run();
            }
        };
        return action;
    }

    /** While a text is edited in the view, the keys belong to that text. */
    void keysToTable(boolean table) {
        Map<ActionFactory, Action> keys = Map.of(
                ActionFactory.RENAME, rename,
                ActionFactory.DELETE, delete,
                ActionFactory.COPY, copy,
                ActionFactory.SELECT_ALL, selectAll);
        IActionBars bars = site.getActionBars();
        keys.forEach((factory, action) -> bars.setGlobalActionHandler(factory.getId(), table ? action : null));
        bars.updateActionBars();
    }

    void enable() {
        int count = table.selected().size();
        rewind.setEnabled(count == 1);
        rename.setEnabled(count == 1);
        boolean saved = count == 1 && table.selected().get(0).image().isPresent();
        save.setEnabled(table.selected().stream().anyMatch(snapshot -> !snapshot.saving()));
        saveAs.setEnabled(count == 1 && !table.selected().get(0).saving());
        openImage.setEnabled(saved);
        restart.setEnabled(saved);
        compare.setEnabled(count == 1 || count == 2);
        delete.setEnabled(count > 0);
        copy.setEnabled(count > 0);
        deleteAll.setEnabled(!table.snapshots().isEmpty());
        selectAll.setEnabled(!table.snapshots().isEmpty());
    }

    private void createContextMenu() {
        MenuManager menu = new MenuManager();
        menu.setRemoveAllWhenShown(true);
        menu.addMenuListener(this::fill);
        table.table().setMenu(menu.createContextMenu(table.table()));
        site.registerContextMenu(menu, table.viewer());
    }

    private void fill(IMenuManager menu) {
        enable();
        List.of(rewind, rename).forEach(menu::add);
        menu.add(new Separator());
        List.of(save, saveAs).forEach(menu::add);
        if (table.selected().stream().anyMatch(Snapshot::saving)) {
            menu.add(cancelSaving);
        }
        List.of(openImage, restart, compare).forEach(menu::add);
        menu.add(new Separator());
        List.of(copy, selectAll).forEach(menu::add);
        menu.add(new Separator());
        List.of(delete, deleteAll).forEach(menu::add);
        menu.add(new Separator(IWorkbenchActionConstants.MB_ADDITIONS));
    }

    private void rewind() {
        List<Snapshot> selected = table.selected();
        if (selected.size() == 1) {
            TargetSession.get()
                    .session()
                    .ifPresent(session -> Rewinding.start(session, selected.get(0).id()));
        }
    }

    private void rename() {
        table.selected().stream().findFirst().ifPresent(table::rename);
    }

    /** Does something with the selected snapshots of the session that is shown. */
    private void each(BiConsumer<Session, Snapshot> verb) {
        TargetSession.get().session().ifPresent(session -> table.selected().forEach(s -> verb.accept(session, s)));
    }

    private void save() {
        each((session, snapshot) -> {
            if (!snapshot.saving()) {
                Saving.start(session, snapshot.id());
            }
        });
    }

    private void saveAs() {
        each((session, snapshot) -> Saving.startAs(site.getShell(), session, snapshot));
    }

    private void cancelSaving() {
        each((session, snapshot) -> Saving.cancel(session, snapshot.id()));
    }

    private void openImage() {
        each((session, snapshot) -> snapshot.image().ifPresent(image -> SavedSnapshots.open(image.file())));
    }

    private void restart() {
        each((session, snapshot) -> snapshot.image().ifPresent(image -> SavedSnapshots.restart(image.file())));
    }

    private void compare() {
        TargetSession.get()
                .session()
                .ifPresent(session -> Comparing.start(
                        site.getShell(),
                        table.selected().stream()
                                .map(s -> Comparing.Side.of(session, s))
                                .toList()));
    }

    private void delete() {
        Session session = TargetSession.get().session().orElse(null);
        List<Snapshot> chosen = table.selected();
        if (session != null && !chosen.isEmpty()) {
            delete(new DeleteSnapshotsOperation(session, chosen.stream().map(Snapshot::id).toList()), chosen);
        }
    }

    private void deleteAll() {
        Session session = TargetSession.get().session().orElse(null);
        if (session != null) {
            delete(DeleteSnapshotsOperation.all(session), session.snapshots());
        }
    }

    private void delete(DeleteSnapshotsOperation operation, List<Snapshot> chosen) {
        if (images(chosen) > 0) {
            askAboutImages(operation, chosen);
        } else if (confirmed(chosen.size())) {
            SessionJob.run(operation);
        }
    }

    private void askAboutImages(DeleteSnapshotsOperation operation, List<Snapshot> chosen) {
        int answer = MessageDialog.open(
                MessageDialog.QUESTION,
                site.getShell(),
                Messages.deleteTitle,
                question(chosen),
                SWT.NONE,
                Messages.deleteKeepImages,
                Messages.deleteImagesToo,
                IDialogConstants.CANCEL_LABEL);
        if (answer == 0) {
            SessionJob.run(operation);
        } else if (answer == 1) {
            SessionJob.run(operation.withImages());
        }
    }

    private static String question(List<Snapshot> chosen) {
        List<KnownImage> images = chosen.stream()
                .flatMap(snapshot -> snapshot.image().stream())
                .flatMap(image -> KnownImages.get().find(image.file()).stream())
                .toList();
        String question = Messages.bind(Messages.deleteWithImagesQuestion, chosen.size(), images(chosen));
        return SavedSection.withThoseBuiltOn(images, question);
    }

    private static long images(List<Snapshot> chosen) {
        return chosen.stream().filter(snapshot -> snapshot.image().isPresent()).count();
    }

    /** One alone goes at once; several are asked about, for nothing brings them back. */
    private boolean confirmed(int count) {
        return count == 1
                || MessageDialog.openConfirm(
                        site.getShell(), Messages.deleteTitle, Messages.bind(Messages.deleteQuestion, count));
    }

    private void copy() {
        Clipboard clipboard = new Clipboard(site.getShell().getDisplay());
        try {
            clipboard.setContents(
                    new Object[] {SnapshotText.table(table.selected())}, new Transfer[] {TextTransfer.getInstance()});
        } finally {
            clipboard.dispose();
        }
    }

    private void selectAll() {
        table.table().selectAll();
        table.viewer().setSelection(table.viewer().getStructuredSelection());
    }
}
