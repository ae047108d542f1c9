// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.view;

import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.core.runtime.ICoreRunnable;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.jobs.Job;
import org.eclipse.jface.action.Action;
import org.eclipse.jface.action.IMenuManager;
import org.eclipse.jface.action.MenuManager;
import org.eclipse.jface.action.Separator;
import org.eclipse.jface.dialogs.MessageDialog;
import org.eclipse.swt.SWT;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.ui.IWorkbenchPartSite;
import org.snapback.core.Failure;
import org.snapback.core.image.KnownImage;
import org.snapback.core.image.KnownImages;
import org.snapback.ui.internal.FactTable;
import org.snapback.ui.internal.FactTable.Column;
import org.snapback.ui.internal.Images;
import org.snapback.ui.internal.Messages;
import org.snapback.ui.internal.Notices;
import org.snapback.ui.internal.WorkspaceFiles;
import org.snapback.ui.internal.commands.Comparing;
import org.snapback.ui.internal.commands.SavedSnapshots;

/** The second tab of the Snapshots view: the images that were saved or opened, whether their sessions live or not. */
final class SavedSection {

    private final IWorkbenchPartSite site;
    private final Composite section;
    private final FactTable<KnownImage> table;
    private final Runnable changed;
    private final AtomicBoolean updating = new AtomicBoolean();
    private final KnownImages.Listener listener = this::imagesChanged;

    /** @param changed told, on the UI thread, that the list has changed */
    SavedSection(Composite parent, IWorkbenchPartSite site, Runnable changed) {
        this.site = site;
        this.changed = changed;
        section = new Composite(parent, SWT.NONE);
        table = new FactTable<>(section, Messages.savedName, columns());
        table.icon(image -> (image.problem().isEmpty() ? Images.IMAGE : Images.DELETE).image());
        table.viewer().addOpenListener(event -> open());
        createContextMenu();
        KnownImages.get().addListener(listener);
        section.addDisposeListener(event -> KnownImages.get().removeListener(listener));
        table.show(KnownImages.get().all());
    }

    private static List<Column<KnownImage>> columns() {
        return List.of(
                Column.text(Messages.columnName, 16, 4, KnownImage::label),
                Column.text(Messages.columnSession, 10, 2, KnownImage::session),
                new Column<>(
                        Messages.columnTime,
                        19,
                        0,
                        SWT.LEFT,
                        image -> SnapshotText.time(image.taken()),
                        Comparator.comparing(KnownImage::taken)),
                Column.text(Messages.columnPlace, 20, 4, SavedSection::place),
                Column.number(
                        Messages.columnSize,
                        10,
                        image -> SnapshotText.memory(image.bytes()),
                        Comparator.comparingLong(KnownImage::bytes)),
                Column.text(Messages.columnFile, 20, 4, image -> image.file().toString()));
    }

    private static String place(KnownImage image) {
        return image.problem().orElseGet(() -> SnapshotText.place(image.place()));
    }

    Composite control() {
        return section;
    }

    int count() {
        return table.table().getItemCount();
    }

    void setFocus() {
        table.table().setFocus();
    }

    List<KnownImage> selected() {
        return table.selected();
    }

    /** On any thread. */
    private void imagesChanged() {
        if (updating.compareAndSet(false, true)) {
            site.getShell().getDisplay().asyncExec(() -> {
                updating.set(false);
                if (!section.isDisposed()) {
                    table.show(KnownImages.get().all());
                    changed.run();
                }
            });
        }
    }

    private void createContextMenu() {
        MenuManager menu = new MenuManager();
        menu.setRemoveAllWhenShown(true);
        menu.addMenuListener(this::fill);
        table.table().setMenu(menu.createContextMenu(table.table()));
    }

    private void fill(IMenuManager menu) {
        int count = selected().size();
        menu.add(action(Messages.actionRestart, count == 1, this::restart));
        menu.add(action(Messages.actionOpenImage, count > 0, this::open));
        menu.add(action(Messages.actionCompare, count == 1 || count == 2, this::compare));
        menu.add(new Separator());
        menu.add(action(Messages.actionCopy, count > 0, table::copy));
        menu.add(new Separator());
        menu.add(action(Messages.actionForget, count > 0, this::forget));
        menu.add(action(Messages.actionDeleteImage, count > 0, this::delete));
    }

    private static Action action(String text, boolean enabled, Runnable run) {
        Action action = new Action(text) {
            @Override
            public void run() {
                run.run();
            }
        };
        action.setEnabled(enabled);
        return action;
    }

    private void open() {
        selected().forEach(image -> SavedSnapshots.open(image.file()));
    }

    private void restart() {
        selected().stream().findFirst().ifPresent(image -> SavedSnapshots.restart(image.file()));
    }

    private void compare() {
        Comparing.start(
                site.getShell(),
                selected().stream().map(Comparing.Side::of).toList());
    }

    private void forget() {
        selected().forEach(image -> KnownImages.get().forget(image.file()));
    }

    private void delete() {
        List<KnownImage> chosen = selected();
        if (MessageDialog.openConfirm(site.getShell(), Messages.deleteImagesTitle, question(chosen))) {
            ICoreRunnable delete = monitor -> delete(chosen);
            Job.createSystem(Messages.deleteImagesTitle, delete).schedule();
        }
    }

    private static String question(List<KnownImage> chosen) {
        return withThoseBuiltOn(chosen, Messages.bind(Messages.deleteImagesQuestion, chosen.size()));
    }

    /** A question about deleting these images, followed by the names of those that need them. */
    static String withThoseBuiltOn(List<KnownImage> chosen, String question) {
        List<String> needed = chosen.stream()
                .flatMap(image -> KnownImages.get().builtOn(image).stream())
                .filter(other -> !chosen.contains(other))
                .map(KnownImage::label)
                .distinct()
                .toList();
        return needed.isEmpty()
                ? question
                : question + "\n\n" + Messages.bind(Messages.deleteImagesNeeded, String.join(", ", needed));
    }

    private void delete(List<KnownImage> images) {
        for (KnownImage image : images) {
            try {
                KnownImages.get().delete(image.file());
                WorkspaceFiles.refresh(image.file());
            } catch (IOException e) {
                String text = Messages.bind(Messages.deleteImageFailed, image.file(), e.getMessage());
                IStatus failed = Failure.IMAGE.exception(text, e).getStatus();
                site.getShell().getDisplay().asyncExec(() -> Notices.failed(failed));
            }
        }
    }
}
